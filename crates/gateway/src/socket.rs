//! One WebSocket connection: frames in, frames out, until either side has enough.

use crate::dial::{Dialer, Origin};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wire::Frame;

/// The largest message that is read, in bytes; a snapshot of a thousand levels is far below.
const LARGEST_MESSAGE: usize = 16 << 20;

/// How long a frame may take to leave: a reader on the other side that takes nothing is as good as gone.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// How long the farewell of a connection that we close may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Something that a connection says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It stands.
    Opened,
    /// A frame.
    Frame(Frame),
    /// It is gone, or could not be made; why. Nothing follows.
    Closed(String),
}

/// Where what a connection says goes. `false` means that nobody listens any more.
pub trait Ear: Send {
    /// Hears it; may wait until there is room.
    fn hear(&mut self, heard: Heard) -> impl Future<Output = bool> + Send;
}

/// Makes a connection, brings what arrives to `ear`, and sends what comes out of `outgoing`, until that is closed (then
/// politely), or the connection breaks.
pub async fn run(
    dialer: &Dialer,
    origin: &Origin,
    path: &str,
    mut outgoing: Receiver<Frame>,
    mut ear: impl Ear,
) {
    let mut socket = match open(dialer, origin, path).await {
        Ok(socket) => socket,
        Err(reason) => {
            ear.hear(Heard::Closed(reason)).await;
            return;
        }
    };
    if !ear.hear(Heard::Opened).await {
        return;
    }
    loop {
        tokio::select! {
            // What leaves comes first: an order must not wait behind a burst of market data.
            biased;
            wanted = outgoing.recv() => {
                let Some(frame) = wanted else {
                    let _ = tokio::time::timeout(FAREWELL, socket.close(None)).await;
                    return;
                };
                let reason = match tokio::time::timeout(SEND_WITHIN, send(&mut socket, frame, &mut outgoing)).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => told(&error),
                    Err(_) => "the other side takes nothing any more".to_owned(),
                };
                ear.hear(Heard::Closed(reason)).await;
                return;
            }
            message = socket.next() => {
                let heard = match message {
                    Some(Ok(Message::Text(text))) => Heard::Frame(Frame::Text(text.as_str().to_owned())),
                    Some(Ok(Message::Binary(bytes))) => Heard::Frame(Frame::Binary(bytes.to_vec())),
                    // The library has answered already.
                    Some(Ok(Message::Ping(_))) => Heard::Frame(Frame::Ping),
                    Some(Ok(Message::Pong(_))) => Heard::Frame(Frame::Pong),
                    Some(Ok(Message::Close(Some(why)))) => {
                        Heard::Closed(format!("closed by the other side: {} {}", u16::from(why.code), why.reason))
                    }
                    Some(Ok(Message::Close(None))) | None => Heard::Closed("closed by the other side".to_owned()),
                    Some(Ok(Message::Frame(_))) => continue,
                    Some(Err(error)) => Heard::Closed(told(&error)),
                };
                let is_over = matches!(heard, Heard::Closed(_));
                if !ear.hear(heard).await || is_over {
                    return;
                }
            }
        }
    }
}

/// Sends a frame, and whatever waits behind it, before the bytes are pushed out.
async fn send<S>(
    socket: &mut WebSocketStream<S>,
    frame: Frame,
    outgoing: &mut Receiver<Frame>,
) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket.feed(message(frame)).await?;
    while let Ok(frame) = outgoing.try_recv() {
        socket.feed(message(frame)).await?;
    }
    socket.flush().await
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::Text(text.into()),
        Frame::Binary(bytes) => Message::Binary(bytes.into()),
        Frame::Ping => Message::Ping(Vec::new().into()),
        Frame::Pong => Message::Pong(Vec::new().into()),
    }
}

async fn open(
    dialer: &Dialer,
    origin: &Origin,
    path: &str,
) -> Result<WebSocketStream<Box<dyn crate::dial::Io>>, String> {
    let stream = dialer.dial(origin).await.map_err(|error| error.to_string())?;
    let request = http::Request::builder()
        .uri(format!("ws://{}{}", origin.authority(), origin.path(path)))
        .header("Host", origin.authority())
        .header("User-Agent", concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", tokio_tungstenite::tungstenite::handshake::client::generate_key())
        .body(())
        .map_err(|error| error.to_string())?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    let opening = client_async_with_config(request, stream, Some(config));
    match tokio::time::timeout(crate::dial::DialSettings::PATIENCE, opening).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(format!("{}: {}", origin.authority(), told(&error))),
        Err(_) => Err(format!("{}: no answer to the upgrade", origin.authority())),
    }
}

/// An error without what was sent or received, which may be secret.
fn told(error: &Error) -> String {
    match error {
        Error::Http(response) => format!("refused with HTTP status {}", response.status().as_u16()),
        Error::Url(_) | Error::HttpFormat(_) => "its address cannot be used".to_owned(),
        error => error.to_string(),
    }
}
