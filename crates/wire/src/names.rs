//! Client order ids as text: a pure function of run, strategy and counter, and back.
//!
//! The three numbers are written in fixed width in the largest base that the venue's alphabet allows, without separators, so
//! that two names are equal only if all three are. The run is the one that opened the line of journals: a restart that
//! recovers a journal goes on with its run and its counter, and so never spends a name twice.

use model::ClientOrderId;
use std::collections::BTreeMap;
use std::fmt;
use units::DigestWriter;

/// The longest name of any venue we know.
const CAPACITY: usize = 36;

/// How many names of other people's orders are kept at most. Exchanges keep fewer open orders than that.
const MOST_FOREIGN: usize = 4096;

/// How the canonical name of an adopted order begins whose own name nobody told; then come the venue and the number.
const ADOPTED: &str = "ext-";

/// Which characters a name may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// `0-9`.
    Digits,
    /// `0-9a-f`.
    Hex,
    /// `0-9a-z`, or the venue takes `A` for `a`.
    LowerAlphanumeric,
    /// `0-9A-Za-z`.
    Alphanumeric,
}

impl Alphabet {
    const fn digits(self) -> &'static [u8] {
        const ALL: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        match self {
            Self::Digits => ALL.split_at(10).0,
            Self::Hex => ALL.split_at(16).0,
            Self::LowerAlphanumeric => ALL.split_at(36).0,
            Self::Alphanumeric => ALL,
        }
    }

    /// How many digits numbers below 2^`bits` take.
    fn width(self, bits: u32) -> usize {
        let base = self.digits().len() as u128;
        let (mut reach, mut width) = (1u128, 0);
        while reach < 1 << bits {
            reach *= base;
            width += 1;
        }
        width
    }

    /// What our names begin with, where letters beyond hexadecimal digits are allowed: a person reading the venue's page
    /// sees whose they are.
    const fn mark(self) -> &'static str {
        match self {
            Self::Digits | Self::Hex => "",
            Self::LowerAlphanumeric | Self::Alphanumeric => "p",
        }
    }
}

/// What a venue takes for a client order id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRules {
    /// The most characters.
    pub max_length: usize,
    /// Which.
    pub alphabet: Alphabet,
}

/// Why names cannot be made under the rules of a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameError {
    /// How many characters a name takes.
    pub needed: usize,
    /// How many there may be.
    pub allowed: usize,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a client order id takes {} characters of this alphabet; the venue allows {}",
            self.needed, self.allowed
        )
    }
}

impl std::error::Error for NameError {}

/// A name on its way to a venue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OrderName {
    bytes: [u8; CAPACITY],
    len: u8,
}

impl OrderName {
    fn new() -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
    }

    fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.len)] = byte;
        self.len += 1;
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Made of ASCII characters.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Debug for OrderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for OrderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Client order ids as text, for one run at one venue; and the names of orders that others placed.
///
/// What others call their orders is theirs to choose, and at two venues it may be the same: the ids that stand for such names
/// are made of the venue as well, so that the orders are two to an engine that trades at both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    run: u32,
    /// The venue as a number.
    venue: u32,
    alphabet: Alphabet,
    widths: [usize; 3],
    foreign: BTreeMap<ClientOrderId, String>,
}

impl Names {
    /// The names of a run at a venue, which a person calls by a name that is the same after every restart.
    ///
    /// # Errors
    /// [`NameError`] when the venue's names are too short to be told apart.
    pub fn new(run: u32, venue: &str, rules: IdRules) -> Result<Self, NameError> {
        let alphabet = rules.alphabet;
        // Counters stay below 2⁴⁷, see `ClientOrderId`.
        let widths = [alphabet.width(32), alphabet.width(16), alphabet.width(47)];
        let needed = widths.iter().sum::<usize>() + alphabet.mark().len();
        let allowed = rules.max_length.min(CAPACITY);
        if needed > allowed {
            return Err(NameError { needed, allowed });
        }
        let mut digest = DigestWriter::new();
        digest.text(venue);
        let venue = digest.finish().bits() as u32;
        Ok(Self { run, venue, alphabet, widths, foreign: BTreeMap::new() })
    }

    /// The name of one of our orders.
    #[must_use]
    pub fn encode(&self, id: ClientOrderId) -> OrderName {
        let digits = self.alphabet.digits();
        let base = digits.len() as u64;
        let mut name = OrderName::new();
        for byte in self.alphabet.mark().bytes() {
            name.push(byte);
        }
        let parts = [u64::from(self.run), u64::from(id.strategy()), id.counter()];
        for (number, width) in parts.into_iter().zip(self.widths) {
            for place in (0..width).rev() {
                let digit = number / base.pow(place as u32) % base;
                name.push(digits[digit as usize]);
            }
        }
        name
    }

    /// Which of our orders a name names; `None` for every other text.
    #[must_use]
    pub fn decode(&self, text: &str) -> Option<ClientOrderId> {
        let mut rest = text.strip_prefix(self.alphabet.mark())?.as_bytes();
        let mut parts = [0u64; 3];
        for (part, width) in parts.iter_mut().zip(self.widths) {
            let (head, tail) = rest.split_at_checked(width)?;
            for byte in head {
                let digit = self.alphabet.digits().iter().position(|d| d == byte)?;
                *part = part.checked_mul(self.alphabet.digits().len() as u64)?.checked_add(digit as u64)?;
            }
            rest = tail;
        }
        let [run, strategy, counter] = parts;
        let is_ours = rest.is_empty() && run == u64::from(self.run) && counter < 1 << 47;
        is_ours.then_some(ClientOrderId::new(counter, u16::try_from(strategy).ok()?))
    }

    /// The id of an order by any name: ours, or an adopted one made from the text.
    #[must_use]
    pub fn id_of(&self, text: &str) -> ClientOrderId {
        if let Some(id) = self.decode(text) {
            return id;
        }
        let canonical =
            text.strip_prefix(ADOPTED).and_then(|rest| rest.split_once('-')).and_then(|(venue, hex)| {
                let is_here = u32::from_str_radix(venue, 16) == Ok(self.venue);
                u64::from_str_radix(hex, 16).ok().filter(|_| is_here)
            });
        let number = canonical.unwrap_or_else(|| {
            let mut digest = DigestWriter::new();
            digest.word(u64::from(self.venue));
            digest.text(text);
            digest.finish().bits() as u64
        });
        ClientOrderId::adopted(number)
    }

    /// The same, and an adopted order's own name is kept, so that it can be cancelled.
    pub fn learn(&mut self, text: &str) -> ClientOrderId {
        let id = self.id_of(text);
        if id.is_adopted() && (self.foreign.len() < MOST_FOREIGN || self.foreign.contains_key(&id)) {
            self.foreign.insert(id, text.to_owned());
        }
        id
    }

    /// Forgets the names of adopted orders that are gone.
    pub fn keep(&mut self, mut lives: impl FnMut(ClientOrderId) -> bool) {
        self.foreign.retain(|id, _| lives(*id));
    }

    /// What the venue calls an order.
    #[must_use]
    pub fn name_of(&self, id: ClientOrderId) -> String {
        if !id.is_adopted() {
            return self.encode(id).as_str().to_owned();
        }
        let canonical = || format!("{ADOPTED}{:x}-{:x}", self.venue, id.counter() & ((1 << 47) - 1));
        self.foreign.get(&id).cloned().unwrap_or_else(canonical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BYBIT: IdRules = IdRules { max_length: 36, alphabet: Alphabet::Alphanumeric };

    #[test]
    fn names_fit_the_shortest_venue() {
        let check = |max_length, alphabet| Names::new(7, "here", IdRules { max_length, alphabet });
        let shortest = check(18, Alphabet::Alphanumeric).unwrap();
        assert_eq!(shortest.encode(ClientOrderId::new(1, 2)).as_str(), "p00000700200000001");
        assert_eq!(
            check(17, Alphabet::Alphanumeric).unwrap_err().to_string(),
            "a client order id takes 18 characters of this alphabet; the venue allows 17"
        );
        for (alphabet, needed) in
            [(Alphabet::Digits, 30), (Alphabet::Hex, 24), (Alphabet::LowerAlphanumeric, 22)]
        {
            assert!(check(needed, alphabet).is_ok(), "{alphabet:?}");
            assert_eq!(check(needed - 1, alphabet), Err(NameError { needed, allowed: needed - 1 }));
        }
    }

    #[test]
    fn names_of_others_are_kept_only_while_their_orders_live() {
        let mut names = Names::new(7, "here", BYBIT).unwrap();
        let id = names.learn("my hand-made order");
        assert!(id.is_adopted());
        assert_eq!(
            (names.id_of("my hand-made order"), names.name_of(id)),
            (id, "my hand-made order".to_owned())
        );
        names.keep(|_| false);
        let canonical = names.name_of(id);
        assert_eq!(names.id_of(&canonical), id, "{canonical}");
        let elsewhere = Names::new(7, "there", BYBIT).unwrap();
        for text in ["my hand-made order", canonical.as_str()] {
            assert_ne!(
                elsewhere.id_of(text),
                id,
                "an order of the same name at another venue is another order"
            );
        }
        let other_run = Names::new(8, "here", BYBIT).unwrap();
        assert!(other_run.id_of(names.encode(ClientOrderId::new(1, 0)).as_str()).is_adopted());
    }

    proptest! {
        #[test]
        fn names_are_unique_and_lead_back(
            run: u32, strategy: u16, counter in 0u64..1 << 47, other in 0u64..1 << 47, text in "\\PC{0,40}",
            alphabet in prop_oneof![
                Just(Alphabet::Digits), Just(Alphabet::Hex), Just(Alphabet::LowerAlphanumeric), Just(Alphabet::Alphanumeric)
            ],
        ) {
            let names = Names::new(run, "here", IdRules { max_length: 36, alphabet }).unwrap();
            let id = ClientOrderId::new(counter, strategy);
            let name = names.encode(id);
            prop_assert!(name.as_str().bytes().all(|b| alphabet.digits().contains(&b)));
            prop_assert_eq!(names.decode(name.as_str()), Some(id));
            let second = names.encode(ClientOrderId::new(other, strategy));
            prop_assert_eq!(second == name, other == counter);
            let elsewhere = Names::new(run ^ 1, "here", IdRules { max_length: 36, alphabet }).unwrap();
            prop_assert_eq!(elsewhere.decode(name.as_str()), None);
            // Any text has some id, and never panics.
            let _ = names.id_of(&text);
        }
    }
}
