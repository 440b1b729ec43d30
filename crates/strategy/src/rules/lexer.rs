//! Words, numbers and signs of an expression, with their places in the file.

use super::document::Scalar;
use super::problem::{Findings, Span, quoted};
use model::Timeframe;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    /// Minutes after midnight.
    Clock(u16),
    Frame(Timeframe),
    Name(String),
    Sign(Sign),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
    Star,
    Slash,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Assign,
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Comma,
    Dot,
    At,
}

impl Sign {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Star => "*",
            Self::Slash => "/",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Assign => "=",
            Self::Open => "(",
            Self::Close => ")",
            Self::OpenBracket => "[",
            Self::CloseBracket => "]",
            Self::Comma => ",",
            Self::Dot => ".",
            Self::At => "@",
        }
    }
}

impl Token {
    /// As it is named in a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Number(x) => format!("the number {x}"),
            Self::Clock(minutes) => format!("the time {:02}:{:02}", minutes / 60, minutes % 60),
            Self::Frame(timeframe) => format!("the timeframe {timeframe}"),
            Self::Name(name) => quoted(name),
            Self::Sign(sign) => format!("`{}`", sign.text()),
            Self::End => "the end".to_owned(),
        }
    }
}

/// The longest name, in characters.
pub(super) const MAX_NAME: usize = 64;

/// Takes an expression apart. What is wrong is noted, and `None` returned.
pub(super) fn tokens(scalar: &Scalar, findings: &mut Findings) -> Option<Vec<(Token, Span)>> {
    let text: Vec<char> = scalar.text.chars().collect();
    let mut lexer = Lexer { text: &text, at: 0 };
    let mut list = Vec::new();
    loop {
        while lexer.peek(0).is_some_and(char::is_whitespace) {
            lexer.at += 1;
        }
        let start = lexer.at;
        if start == text.len() {
            list.push((Token::End, scalar.span_of(start, start)));
            return Some(list);
        }
        match lexer.next() {
            Ok(token) => list.push((token, scalar.span_of(start, lexer.at))),
            Err(message) => {
                findings.note(scalar.span_of(start, lexer.at.max(start + 1)), message);
                return None;
            }
        }
    }
}

struct Lexer<'a> {
    text: &'a [char],
    at: usize,
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek(0).is_some_and(&fits) {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    fn next(&mut self) -> Result<Token, String> {
        match self.peek(0) {
            Some(c) if c.is_ascii_digit() => self.number(),
            Some('.') if self.peek(1).is_some_and(|c| c.is_ascii_digit()) => self.number(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let name = self.take_while(is_name);
                if name.len() > MAX_NAME {
                    return Err(format!("a name may have up to {MAX_NAME} characters"));
                }
                Ok(Token::Name(name))
            }
            _ => self.sign().map(Token::Sign),
        }
    }

    fn sign(&mut self) -> Result<Sign, String> {
        let pair = (self.peek(0).unwrap_or(' '), self.peek(1).unwrap_or(' '));
        let (sign, width) = match pair {
            ('<', '=') => (Sign::LessEqual, 2),
            ('>', '=') => (Sign::GreaterEqual, 2),
            ('=', '=') => (Sign::Equal, 2),
            ('!', '=') | ('<', '>') => (Sign::NotEqual, 2),
            ('<', _) => (Sign::Less, 1),
            ('>', _) => (Sign::Greater, 1),
            ('=', _) => (Sign::Assign, 1),
            ('+', _) => (Sign::Plus, 1),
            ('-', _) => (Sign::Minus, 1),
            ('*', _) => (Sign::Star, 1),
            ('/', _) => (Sign::Slash, 1),
            ('(', _) => (Sign::Open, 1),
            (')', _) => (Sign::Close, 1),
            ('[', _) => (Sign::OpenBracket, 1),
            (']', _) => (Sign::CloseBracket, 1),
            (',', _) => (Sign::Comma, 1),
            ('.', _) => (Sign::Dot, 1),
            ('@', _) => (Sign::At, 1),
            (c, _) => return Err(self.stranger(c)),
        };
        self.at += width;
        Ok(sign)
    }

    fn stranger(&mut self, c: char) -> String {
        self.at += 1;
        match c {
            '&' => "`&` means nothing here; write `and`".to_owned(),
            '|' => "`|` means nothing here; write `or`".to_owned(),
            '!' => "`!` means nothing here; write `not`".to_owned(),
            '%' => "`%` may only follow a number, as in 2%".to_owned(),
            ':' => "`:` means nothing here; settings are named with `=`, times are written 09:30".to_owned(),
            '^' => "`^` means nothing here; multiply, or use sqrt(x)".to_owned(),
            '?' => "`?` means nothing here; write if(condition, then, else)".to_owned(),
            '"' | '\'' => "words need no quotes here, as in vwap(zone=new_york)".to_owned(),
            '$' => "`$` means nothing here; a parameter is called by its name".to_owned(),
            other => format!("the character {other:?} means nothing here"),
        }
    }

    /// A number, a share (`2%`), a time (`09:30`) or a timeframe (`15m`).
    fn number(&mut self) -> Result<Token, String> {
        let whole = self.take_while(|c| c.is_ascii_digit());
        if self.peek(0) == Some(':') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            return self.clock(&whole);
        }
        if self.peek(0).is_some_and(|c| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E')) {
            let unit = self.take_while(is_name);
            let text = whole + &unit;
            return text.parse().map(Token::Frame).map_err(|_| frames(&text));
        }
        let mut text = whole;
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            text = text + "." + &self.take_while(|c| c.is_ascii_digit());
        }
        if matches!(self.peek(0), Some('e' | 'E')) {
            self.at += 1;
            text.push('e');
            if let Some(sign @ ('+' | '-')) = self.peek(0) {
                self.at += 1;
                text.push(sign);
            }
            text += &self.take_while(|c| c.is_ascii_digit());
        }
        if self.peek(0).is_some_and(is_name) {
            let rest = self.take_while(is_name);
            return Err(format!("{} is no number", quoted(&(text + &rest))));
        }
        let number: f64 = text.parse().map_err(|_| format!("{} is no number", quoted(&text)))?;
        if !number.is_finite() || number.abs() > 1e15 {
            return Err(format!("{} is larger than any number a rule needs (1e15)", quoted(&text)));
        }
        if self.peek(0) == Some('%') {
            self.at += 1;
            return Ok(Token::Number(number / 100.0));
        }
        Ok(Token::Number(number))
    }

    fn clock(&mut self, hours: &str) -> Result<Token, String> {
        self.at += 1;
        let minutes = self.take_while(|c| c.is_ascii_digit());
        let of = |text: &str| text.parse::<u16>().ok();
        match (of(hours), of(&minutes)) {
            (Some(h), Some(m)) if minutes.len() == 2 && m < 60 && (h < 24 || (h == 24 && m == 0)) => {
                Ok(Token::Clock(h * 60 + m))
            }
            _ => Err(format!(
                "{} is no time of the day; from 00:00 to 24:00",
                quoted(&format!("{hours}:{minutes}"))
            )),
        }
    }
}

/// That a timeframe is none of those there are.
pub(super) fn frames(text: &str) -> String {
    let names: Vec<String> = Timeframe::all().map(|t| t.to_string()).collect();
    format!("{} is no timeframe; allowed: {}", quoted(text), names.join(" "))
}
