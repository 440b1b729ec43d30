//! Connections as both ends see them. A message that overtakes is a fault; two links never wait for one another.

use model::LinkKind;
use units::{Prng, Timestamp};

/// The end that a message goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Venue,
}

/// One connection.
#[derive(Debug, Clone, Copy, Default)]
struct Connection {
    number: u64,
    /// What each end believes.
    client: bool,
    server: bool,
    /// Nothing passes any more, and nobody was told.
    is_cut: bool,
    /// When the last message to each end arrives.
    arrivals: [Option<Timestamp>; 2],
}

/// The network of a world.
#[derive(Debug)]
pub(crate) struct Network {
    connections: Vec<[Connection; 3]>,
    reachable: Vec<bool>,
    /// The client reads nothing before then.
    slow_until: Vec<Option<Timestamp>>,
    numbers: u64,
    prng: Prng,
}

impl Network {
    pub(crate) fn new(venues: usize, prng: Prng) -> Self {
        Self {
            connections: vec![[Connection::default(); 3]; venues],
            reachable: vec![true; venues],
            slow_until: vec![None; venues],
            numbers: 0,
            prng,
        }
    }

    /// The client makes a connection. Returns its number.
    pub(crate) fn connect(&mut self, venue: usize, kind: LinkKind) -> u64 {
        self.numbers += 1;
        self.connections[venue][kind.index()] = Connection { number: self.numbers, ..Connection::default() };
        self.numbers
    }

    /// A connection stands, or could not be made. Returns whether anybody still waits for it.
    pub(crate) fn connected(&mut self, venue: usize, kind: LinkKind, number: u64, stands: bool) -> bool {
        let connection = &mut self.connections[venue][kind.index()];
        if connection.number != number || connection.client {
            return false;
        }
        (connection.client, connection.server) = (stands, stands);
        true
    }

    /// The client gives a connection up.
    pub(crate) fn close(&mut self, venue: usize, kind: LinkKind) {
        self.numbers += 1;
        self.connections[venue][kind.index()] = Connection { number: self.numbers, ..Connection::default() };
    }

    /// The client learns that a connection is gone; what it sent before arrives all the same, until it connects anew. Returns
    /// whether the connection was there.
    pub(crate) fn breaks(&mut self, venue: usize, kind: LinkKind, number: u64) -> bool {
        let connection = &mut self.connections[venue][kind.index()];
        let was_there = connection.number == number && connection.client;
        if was_there {
            connection.client = false;
        }
        was_there
    }

    /// The process is gone; what it sent before is on its way.
    pub(crate) fn drop_all(&mut self) {
        for connection in self.connections.iter_mut().flatten() {
            connection.client = false;
            if !connection.server {
                // Nobody waits for it to stand any more.
                self.numbers += 1;
                connection.number = self.numbers;
            }
        }
    }

    /// The number of the connection that the client believes in.
    pub(crate) fn client(&self, venue: usize, kind: LinkKind) -> Option<u64> {
        let connection = &self.connections[venue][kind.index()];
        connection.client.then_some(connection.number)
    }

    /// The number of the connection that the exchange believes in.
    pub(crate) fn server(&self, venue: usize, kind: LinkKind) -> Option<u64> {
        let connection = &self.connections[venue][kind.index()];
        connection.server.then_some(connection.number)
    }

    /// Whether anything passes.
    pub(crate) fn carries(&self, venue: usize, kind: LinkKind) -> bool {
        self.reachable[venue] && !self.connections[venue][kind.index()].is_cut
    }

    /// Whether an end still listens to a connection.
    pub(crate) fn hears(&self, venue: usize, kind: LinkKind, number: u64, end: Side) -> bool {
        let connection = &self.connections[venue][kind.index()];
        let believes = if end == Side::Client { connection.client } else { connection.server };
        connection.number == number && believes && self.carries(venue, kind)
    }

    /// When a message arrives: behind those before it, unless it overtakes them.
    pub(crate) fn arrival(
        &mut self,
        venue: usize,
        kind: LinkKind,
        end: Side,
        at: Timestamp,
        overtakes: bool,
    ) -> Timestamp {
        let slow = self.slow_until[venue].filter(|_| end == Side::Client);
        let last = &mut self.connections[venue][kind.index()].arrivals[end as usize];
        let at = if overtakes { at } else { at.max(last.unwrap_or(at)) };
        let at = slow.map_or(at, |slow| at.max(slow));
        *last = Some(last.map_or(at, |last| last.max(at)));
        at
    }

    pub(crate) fn is_reachable(&self, venue: usize) -> bool {
        self.reachable[venue]
    }

    pub(crate) fn partition(&mut self, venue: usize) {
        self.reachable[venue] = false;
    }

    pub(crate) fn rejoin(&mut self, venue: usize) {
        self.reachable[venue] = true;
    }

    pub(crate) fn read_slowly(&mut self, venue: usize, until: Timestamp) {
        self.slow_until[venue] = Some(until);
    }

    /// One of the connections is cut without a word.
    pub(crate) fn cut_one(&mut self, venue: usize) {
        let kind = LinkKind::ALL[self.prng.below(3) as usize];
        self.connections[venue][kind.index()].is_cut = true;
    }

    /// One of the connections, to be broken.
    pub(crate) fn pick(&mut self, venue: usize) -> Option<(LinkKind, u64)> {
        let kind = LinkKind::ALL[self.prng.below(3) as usize];
        self.client(venue, kind).map(|number| (kind, number))
    }

    /// What stands stays; what was cut is noticed by whoever waits long enough.
    pub(crate) fn heal(&mut self) {
        self.reachable.iter_mut().for_each(|reachable| *reachable = true);
        self.slow_until.iter_mut().for_each(|slow| *slow = None);
    }
}
