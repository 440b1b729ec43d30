//! Requests over real sockets: what is known of a request that got no answer, and what is never done twice.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod exchange;

use exchange::{read_request, rendered};
use flate2::Compression;
use flate2::write::GzEncoder;
use gateway::dial::{DialSettings, Dialer, Origin, Proxy};
use gateway::http::HttpClient;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::{Method, Request, Response, TransportFailure};

const LONG: Duration = Duration::from_secs(20);

fn request() -> Request {
    Request {
        method: Method::Post,
        path: "/v5/order/create".to_owned(),
        query: "a=%20b&signature=hush".to_owned(),
        body: r#"{"qty": "1"}"#.to_owned(),
        headers: vec![("X-BAPI-SIGN", "hush".to_owned())],
    }
}

fn ok() -> Response {
    Response { status: 200, headers: Vec::new(), body: "fine".to_owned() }
}

/// A server whose n-th connection is served by `serve(n, stream)`.
async fn server<F>(serve: impl Fn(usize, TcpStream) -> F + Send + Sync + 'static) -> HttpClient
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = Origin::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        for n in 1.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            tokio::spawn(serve(n, stream));
        }
    });
    HttpClient::new(origin, Dialer::new(DialSettings::default()).unwrap())
}

#[tokio::test]
async fn it_goes_out_exactly_as_it_is_over_one_connection() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let client = server(move |n, mut stream| {
        count.store(n, Ordering::Relaxed);
        async move {
            while let Some((head, body)) = read_request(&mut stream).await {
                assert!(
                    head.starts_with("POST /v5/order/create?a=%20b&signature=hush HTTP/1.1\r\n"),
                    "{head}"
                );
                assert_eq!(
                    (head.to_lowercase().matches("x-bapi-sign: hush").count(), body.as_str()),
                    (1, r#"{"qty": "1"}"#)
                );
                stream.write_all(&rendered(&ok())).await.unwrap();
            }
        }
    })
    .await;
    for _ in 0..5 {
        let response = client.send(&request(), LONG).await.unwrap();
        assert_eq!((response.status, response.body.as_str()), (200, "fine"));
        assert_eq!(response.header("content-length"), Some("4"));
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_arrived_without_an_answer_is_in_doubt_and_asked_once() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let client = server(move |_, mut stream| {
        let count = Arc::clone(&count);
        async move {
            // The first is answered, so that the connection is kept; the second is not.
            read_request(&mut stream).await.unwrap();
            stream.write_all(&rendered(&ok())).await.unwrap();
            read_request(&mut stream).await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    })
    .await;
    client.send(&request(), LONG).await.unwrap();
    let failed = client.send(&request(), LONG).await.unwrap_err();
    assert_eq!(failed.failure, TransportFailure::NoAnswer);
    assert_eq!(arrived.load(Ordering::Relaxed), 1, "nothing is repeated here");
    assert!(!failed.reason.contains("hush"), "{}", failed.reason);
}

#[tokio::test]
async fn time_runs_out_before_or_after_it_left() {
    let client = server(|_, mut stream| async move {
        read_request(&mut stream).await.unwrap();
        tokio::time::sleep(LONG).await;
    })
    .await;
    let failed = client.send(&request(), Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(failed.failure, TransportFailure::NoAnswer);
    assert!(failed.reason.contains("no answer within 100ms"), "{}", failed.reason);
    let nobody = Origin::parse("http://127.0.0.1:9").unwrap();
    let client = HttpClient::new(nobody, Dialer::new(DialSettings::default()).unwrap());
    let failed = client.send(&request(), LONG).await.unwrap_err();
    assert_eq!(failed.failure, TransportFailure::NotSent);
    assert!(failed.reason.starts_with("POST 127.0.0.1:9/v5/order/create: "), "{}", failed.reason);
    let broken = Request { query: "a=b c".to_owned(), ..request() };
    assert_eq!(client.send(&broken, LONG).await.unwrap_err().failure, TransportFailure::NotSent);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_no_failure() {
    let client = server(|_, mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(&rendered(&ok())).await.unwrap();
        // And it closes, as servers do with idle connections.
    })
    .await;
    for _ in 0..20 {
        let answered = client.send(&request(), LONG).await;
        assert!(answered.is_ok_and(|response| response.body == "fine"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn packed_bodies_are_unpacked() {
    let client = server(|_, mut stream| async move {
        let (head, _) = read_request(&mut stream).await.unwrap();
        assert!(head.to_lowercase().contains("accept-encoding: gzip"));
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(b"a long body").unwrap();
        let packed = packed.finish().unwrap();
        let head =
            format!("HTTP/1.1 200 X\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
        stream.write_all(&[head.as_bytes(), &packed].concat()).await.unwrap();
    })
    .await;
    assert_eq!(client.send(&request(), LONG).await.unwrap().body, "a long body");
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel_to_the_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (head, _) = read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        // What follows is the beginning of TLS, for the host and not for the proxy.
        let first = stream.read_u8().await.unwrap();
        (head, first)
    });
    let proxy = Proxy::parse(&format!("http://me:hush@{address}")).unwrap();
    let dialer = Dialer::new(DialSettings { proxy: Some(proxy), ..DialSettings::default() }).unwrap();
    let client = HttpClient::new(Origin::parse("https://api.example.com").unwrap(), dialer);
    let failed = client.send(&request(), LONG).await.unwrap_err();
    assert_eq!(failed.failure, TransportFailure::NotSent);
    let (head, first) = served.await.unwrap();
    assert_eq!(
        head,
        "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\
         Proxy-Authorization: Basic bWU6aHVzaA==\r\n\r\n"
    );
    assert_eq!(first, 22, "a TLS handshake record");
    assert!(!failed.reason.contains("hush"));
}

#[tokio::test]
async fn a_proxy_that_refuses_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.unwrap();
    });
    let proxy = Proxy::parse(&format!("http://{address}")).unwrap();
    let dialer = Dialer::new(DialSettings { proxy: Some(proxy), ..DialSettings::default() }).unwrap();
    let client = HttpClient::new(Origin::parse("https://api.example.com").unwrap(), dialer);
    let failed = client.send(&request(), LONG).await.unwrap_err();
    assert!(failed.reason.contains("refuses the tunnel with status 407"), "{}", failed.reason);
}
