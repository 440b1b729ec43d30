//! Where a client connects: the hosts of each environment, and their addresses link by link.
//!
//! Source: bybit-exchange/docs, `docs/v5/guide`, `docs/v5/demo`, `docs/v5/websocket/wss-authentication` (2026-07-24).

use model::LinkKind;

/// Which of the exchange's worlds. A key belongs to exactly one of them; another answers 10003.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Environment {
    /// Real money.
    Mainnet,
    /// The exchange's test network, with a market of its own.
    Testnet,
    /// Play money at real prices: the public stream is the mainnet's, and there is no socket for orders.
    Demo,
    /// Hosts of one's own: a regional host, or an exchange on this machine.
    Custom(Hosts),
}

/// Hosts with their schemes and without a path, such as `https://api.bybit.com` and `wss://stream.bybit.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// Requests.
    pub rest: String,
    /// The public stream.
    pub public: String,
    /// The private stream.
    pub private: String,
    /// The socket for orders; `None` where there is none, and orders go by request.
    pub trade: Option<String>,
}

impl Hosts {
    /// The same host for every socket, as an exchange on this machine has.
    #[must_use]
    pub fn local(rest: &str, sockets: &str) -> Self {
        Self {
            rest: rest.to_owned(),
            public: sockets.to_owned(),
            private: sockets.to_owned(),
            trade: Some(sockets.to_owned()),
        }
    }
}

impl Environment {
    /// Its name in configuration and messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Demo => "demo",
            Self::Custom(_) => "custom",
        }
    }

    /// The host for requests, scheme included.
    #[must_use]
    pub fn rest(&self) -> &str {
        match self {
            Self::Mainnet => "https://api.bybit.com",
            Self::Testnet => "https://api-testnet.bybit.com",
            Self::Demo => "https://api-demo.bybit.com",
            Self::Custom(hosts) => &hosts.rest,
        }
    }

    /// The host of a link, scheme included; `None` where the environment has no such link. The path is the link's
    /// [`crate::LinkSpec::path`].
    #[must_use]
    pub fn link(&self, kind: LinkKind) -> Option<&str> {
        match (self, kind) {
            (Self::Mainnet, _) | (Self::Demo, LinkKind::Market) => Some("wss://stream.bybit.com"),
            (Self::Testnet, _) => Some("wss://stream-testnet.bybit.com"),
            (Self::Demo, LinkKind::Account) => Some("wss://stream-demo.bybit.com"),
            (Self::Demo, LinkKind::Trade) => None,
            (Self::Custom(hosts), LinkKind::Market) => Some(&hosts.public),
            (Self::Custom(hosts), LinkKind::Account) => Some(&hosts.private),
            (Self::Custom(hosts), LinkKind::Trade) => hosts.trade.as_deref(),
        }
    }

    /// The path of a link.
    #[must_use]
    pub const fn path(kind: LinkKind) -> &'static str {
        match kind {
            LinkKind::Market => "/v5/public/linear",
            LinkKind::Account => "/v5/private",
            LinkKind::Trade => "/v5/trade",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trap 12: demo has no socket for orders and no public stream of its own.
    #[test]
    fn trap_12_demo_borrows_the_public_stream_and_has_no_order_socket() {
        assert_eq!(Environment::Demo.link(LinkKind::Market), Environment::Mainnet.link(LinkKind::Market));
        assert_eq!(Environment::Demo.link(LinkKind::Trade), None);
        assert_eq!(Environment::Demo.link(LinkKind::Account), Some("wss://stream-demo.bybit.com"));
        let local = Environment::Custom(Hosts::local("http://127.0.0.1:1", "ws://127.0.0.1:1"));
        assert!(LinkKind::ALL.iter().all(|kind| local.link(*kind) == Some("ws://127.0.0.1:1")));
        assert_eq!(local.rest(), "http://127.0.0.1:1");
    }
}
