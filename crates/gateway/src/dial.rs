//! Connections: where they go, over which proxy, and whom they trust.

use base64::Engine as _;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The longest answer of a proxy that is read, in bytes.
const LONGEST_HEAD: usize = 8 << 10;

/// Where something is served: scheme, host, port, and what precedes every path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    is_secure: bool,
    host: String,
    port: u16,
    prefix: String,
}

/// An address that cannot be used. It never repeats the address, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginError(&'static str);

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for OriginError {}

impl Origin {
    /// Reads `https://host`, `wss://host:port/prefix` and the like. Plain `http` and `ws` go to this machine only, because what is
    /// sent holds keys and signatures.
    ///
    /// # Errors
    /// For another scheme, user names, queries, ports that are none, and plain connections to elsewhere.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) =
            text.split_once("://").ok_or(OriginError("not an address; give one such as https://host"))?;
        let is_secure = match scheme {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return Err(OriginError("the scheme must be https, wss, http or ws")),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') || rest.contains(['?', '#', ' ']) {
            return Err(OriginError("an address has no user name, query or blank"));
        }
        let (host, port) = split_port(authority)?;
        let origin = Self {
            is_secure,
            host: host.to_owned(),
            port: port.unwrap_or(if is_secure { 443 } else { 80 }),
            prefix: path.trim_end_matches('/').to_owned(),
        };
        if !is_secure && !origin.is_local() {
            return Err(OriginError("plain connections go to this machine only; use https or wss"));
        }
        Ok(origin)
    }

    /// Whether it is this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The host, and the port where it is not the usual one.
    #[must_use]
    pub fn authority(&self) -> String {
        let usual = if self.is_secure { 443 } else { 80 };
        if self.port == usual { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// A path below it.
    #[must_use]
    pub fn path(&self, below: &str) -> String {
        format!("{}{below}", self.prefix)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.authority(), self.prefix)
    }
}

/// Host and port; the host of an IPv6 address keeps its brackets.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), OriginError> {
    let end = if authority.starts_with('[') { authority.find(']').map(|at| at + 1) } else { None };
    let (host, port) = match end {
        Some(end) => authority.split_at(end),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() {
        return Err(OriginError("an address needs a host"));
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some(port) => Some(port.parse().map_err(|_| OriginError("a port is a number up to 65535"))?),
        None => return Err(OriginError("after the host comes a port or a path")),
    };
    Ok((host, port))
}

/// Whose certificates are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Roots {
    /// Those of Mozilla, as they were when the program was built.
    #[default]
    Bundled,
    /// Those of this machine.
    System,
}

/// A proxy that makes tunnels (HTTP CONNECT).
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    /// The value of the header, where there is a user name.
    authorization: Option<String>,
}

impl Proxy {
    /// Reads `http://host:port` or `http://user:password@host:port`.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let rest = text
            .strip_prefix("http://")
            .ok_or(OriginError("a proxy is given as http://host:port; other kinds are not supported"))?;
        let rest = rest.trim_end_matches('/');
        let (user, authority) = match rest.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, rest),
        };
        let (host, port) = split_port(authority)?;
        let port = port.ok_or(OriginError("a proxy needs its port"))?;
        let encode = |user| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user));
        Ok(Self { host: host.to_owned(), port, authorization: user.map(encode) })
    }
}

impl fmt::Debug for Proxy {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

/// How connections are made.
#[derive(Debug, Clone, Default)]
pub struct DialSettings {
    /// Whose certificates are believed.
    pub roots: Roots,
    /// Over which proxy; this machine is always reached directly.
    pub proxy: Option<Proxy>,
    /// How long making one may take; zero means [`DialSettings::PATIENCE`].
    pub within: Duration,
}

impl DialSettings {
    /// How long making a connection may take when nobody says.
    pub const PATIENCE: Duration = Duration::from_secs(10);
}

/// A connection over which bytes go both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Makes connections.
#[derive(Clone)]
pub struct Dialer {
    tls: TlsConnector,
    proxy: Option<Proxy>,
    within: Duration,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("proxy", &self.proxy).field("within", &self.within).finish()
    }
}

impl Dialer {
    /// A maker of connections.
    ///
    /// # Errors
    /// When this machine has no certificates to believe, or the library has no cipher in common with them.
    pub fn new(settings: DialSettings) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        match settings.roots {
            Roots::Bundled => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    return Err(io::Error::other("this machine has no certificates to believe in"));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        let within = if settings.within.is_zero() { DialSettings::PATIENCE } else { settings.within };
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), proxy: settings.proxy, within })
    }

    /// Makes a connection.
    ///
    /// # Errors
    /// With what failed on the way: the name, the proxy, the certificate, or time. Nothing that was to be sent has left.
    pub async fn dial(&self, origin: &Origin) -> io::Result<Box<dyn Io>> {
        match tokio::time::timeout(self.within, self.reach(origin)).await {
            Ok(result) => result,
            Err(_) => {
                let problem = format!("no connection to {} within {:?}", origin.authority(), self.within);
                Err(io::Error::new(io::ErrorKind::TimedOut, problem))
            }
        }
    }

    async fn reach(&self, origin: &Origin) -> io::Result<Box<dyn Io>> {
        let told = |what: &str, error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
        let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let proxy = self.proxy.as_ref().filter(|_| !origin.is_local());
        let stream = match proxy {
            Some(proxy) => {
                let name = format!("proxy {}:{}", proxy.host, proxy.port);
                let stream = TcpStream::connect((bare(&proxy.host), proxy.port)).await;
                let stream = stream.map_err(|error| told(&name, error))?;
                tunnel(stream, proxy, origin).await.map_err(|error| told(&name, error))?
            }
            None => {
                let stream = TcpStream::connect((bare(&origin.host), origin.port)).await;
                stream.map_err(|error| told(&origin.authority(), error))?
            }
        };
        // Small messages that somebody waits for.
        stream.set_nodelay(true)?;
        if !origin.is_secure {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(bare(&origin.host)).map_err(io::Error::other)?;
        let stream = self.tls.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| told(&origin.authority(), error))?))
    }
}

/// Asks a proxy for a tunnel (RFC 9110, section 9.3.6).
async fn tunnel(mut stream: TcpStream, proxy: &Proxy, origin: &Origin) -> io::Result<TcpStream> {
    let target = format!("{}:{}", origin.host, origin.port);
    let mut ask = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(authorization) = &proxy.authorization {
        ask += &format!("Proxy-Authorization: {authorization}\r\n");
    }
    ask += "\r\n";
    stream.write_all(ask.as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to whoever uses the tunnel.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD {
            return Err(io::Error::other("its answer has no end"));
        }
        head.push(stream.read_u8().await?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let status = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status == b"200" {
        return Ok(stream);
    }
    Err(io::Error::other(format!("it refuses the tunnel with status {}", String::from_utf8_lossy(status))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[expect(clippy::needless_pass_by_value, reason = "as `expect!` makes it")]
    fn check(text: &str, want: Expect) {
        let told = match Origin::parse(text) {
            Ok(origin) => format!("{} {} {}", origin.is_secure, origin, origin.path("/v5/market/time")),
            Err(error) => error.to_string(),
        };
        want.assert_eq(&told);
    }

    #[test]
    fn addresses_are_read_and_plain_ones_stay_at_home() {
        check("https://api.bybit.com", expect!["true api.bybit.com /v5/market/time"]);
        check("wss://stream.bybit.com/", expect!["true stream.bybit.com /v5/market/time"]);
        check("http://127.0.0.1:8099/x", expect!["false 127.0.0.1:8099/x /x/v5/market/time"]);
        check("ws://[::1]:80", expect!["false [::1] /v5/market/time"]);
        check("ws://localhost:9", expect!["false localhost:9 /v5/market/time"]);
        check("http://api.bybit.com", expect!["plain connections go to this machine only; use https or wss"]);
        check("https://a:b@host", expect!["an address has no user name, query or blank"]);
        check("https://", expect!["an address needs a host"]);
        check("https://host:99999", expect!["a port is a number up to 65535"]);
        check("https://[::1]x", expect!["after the host comes a port or a path"]);
        check("ftp://host", expect!["the scheme must be https, wss, http or ws"]);
        check("host", expect!["not an address; give one such as https://host"]);
    }

    #[test]
    fn a_proxy_keeps_its_password_to_itself() {
        let proxy = Proxy::parse("http://me:hush@10.0.0.1:3128/").unwrap();
        assert_eq!(format!("{proxy:?}"), "Proxy(10.0.0.1:3128)");
        assert_eq!(proxy.authorization.as_deref(), Some("Basic bWU6aHVzaA=="));
        assert!(Proxy::parse("socks5://10.0.0.1:1080").is_err());
        assert!(Proxy::parse("http://10.0.0.1").is_err());
    }
}
