//! Both ends of the internal dialect against each other, and against strangers.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod nouns;

use expect_test::{Expect, expect};
use model::{ClientOrderId, Fact, InstrumentIx, LinkKind, OrderCommand, VenueEvent};
use nouns::{IX, instrument};
use proptest::prelude::*;
use units::{Span, Timestamp};
use wire::internal::{self, Client, Heard, Server, Settings};
use wire::{
    Answer, Credentials, Dialect, Frame, Meaning, Moment, Names, OrderAnswer, Outgoing, Purpose, Question,
    Request, Response, Said, Secret, Symbols, Ticket,
};

const NOW: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);

fn credentials(secret: &str) -> Credentials {
    Credentials { key: "key".to_owned(), secret: Secret::new(secret.to_owned()) }
}

fn symbols() -> Symbols {
    Symbols::new([(IX, &instrument("AAAUSDT")), (InstrumentIx(1), &instrument("BBBUSDT"))])
}

fn names() -> Names {
    Names::new(7, "exchange", internal::ID_RULES).unwrap()
}

struct Pair {
    client: Dialect,
    server: Server,
}

impl Pair {
    fn new(secret: &str) -> Self {
        let settings = Settings {
            symbols: symbols(),
            names: names(),
            credentials: credentials(secret),
            capabilities: internal::capabilities(),
            limits: internal::limits(),
        };
        let client = Dialect::Internal(Box::new(Client::new(settings)));
        Self { client, server: Server::new(symbols(), names(), credentials("secret")) }
    }

    fn moment(offset: Span) -> Moment {
        Moment { local: NOW, venue: NOW + offset }
    }

    /// Opens a link; what the client hears about it.
    fn open(&mut self, kind: LinkKind, offset: Span) -> Vec<Said> {
        let mut out = Vec::new();
        self.client.opened(kind, Self::moment(offset), &mut out);
        self.server.opened(kind);
        let mut replies = Vec::new();
        for outgoing in out {
            let Outgoing::Frame { frame, .. } = outgoing else { panic!("{outgoing:?}") };
            self.server.on_frame(kind, &frame, NOW, &mut replies).unwrap();
        }
        self.hear(kind, &replies)
    }

    fn hear(&mut self, kind: LinkKind, frames: &[Frame]) -> Vec<Said> {
        let mut said = Vec::new();
        for frame in frames {
            self.client.on_frame(kind, frame, &mut said).unwrap();
        }
        said
    }

    fn command(&mut self, command: &OrderCommand) -> (Option<Heard>, Vec<Frame>) {
        let purpose = Purpose::Command(*command);
        let outgoing = self.client.send(Ticket(5), &purpose, Self::moment(Span::ZERO)).unwrap();
        let mut replies = Vec::new();
        match outgoing {
            Outgoing::Frame { kind, frame } => {
                (self.server.on_frame(kind, &frame, NOW, &mut replies).unwrap(), replies)
            }
            Outgoing::Request(request) => {
                (Some(Heard::Question(self.server.on_request(&request, NOW).unwrap())), replies)
            }
        }
    }

    fn request(&mut self, question: Question, offset: Span) -> Request {
        let purpose = Purpose::Question(question);
        match self.client.send(Ticket(6), &purpose, Self::moment(offset)).unwrap() {
            Outgoing::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn answered(&mut self, question: Question, response: &Response) -> Answer {
        let mut said = Vec::new();
        self.client.on_response(Ticket(6), &Purpose::Question(question), response, &mut said).unwrap();
        match said.pop() {
            Some(Said::Answered { ticket: Ticket(6), answer }) => answer,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn links_log_in_and_subscribe() {
    let mut pair = Pair::new("secret");
    for kind in LinkKind::ALL {
        assert_eq!(pair.open(kind, Span::ZERO), [Said::Ready(kind)], "{kind:?}");
        assert!(pair.server.is_ready(kind));
    }
}

#[test]
fn logins_are_refused_with_their_meaning() {
    let mut wrong = Pair::new("guess");
    let kind = LinkKind::Account;
    let refused = |meaning| [Said::Refused { kind, what: "login".to_owned(), meaning }];
    assert_eq!(wrong.open(kind, Span::ZERO), refused(Meaning::CredentialsInvalid));
    let mut pair = Pair::new("secret");
    assert_eq!(pair.open(kind, Span::from_millis(-5_001)), refused(Meaning::ClockSkew), "too late");
    assert_eq!(pair.open(kind, Span::from_millis(1_001)), refused(Meaning::ClockSkew), "too early");
    assert_eq!(pair.open(kind, Span::from_millis(-5_000)), [Said::Ready(kind)]);
}

#[test]
fn a_subscription_that_is_refused_is_never_silent() {
    let mut pair = Pair::new("secret");
    pair.server = Server::new(Symbols::default(), names(), credentials("secret"));
    let said = pair.open(LinkKind::Market, Span::ZERO);
    assert!(matches!(&said[..], [Said::Refused { what, .. }] if what == "AAAUSDT, BBBUSDT"), "{said:?}");
}

#[test]
fn repeated_messages_are_dropped_and_gaps_are_told() {
    let mut pair = Pair::new("secret");
    pair.open(LinkKind::Account, Span::ZERO);
    let event = VenueEvent::Accepted { id: ClientOrderId::new(1, 0), instrument: IX };
    let frames: Vec<Frame> = (0..4).map(|_| pair.server.event(&event)).collect();
    let told = |source_seq| Said::Event { source_seq, event };
    let kind = LinkKind::Account;
    assert_eq!(pair.hear(kind, &frames[..1]), [told(1)]);
    assert_eq!(pair.hear(kind, &frames[..1]), [Said::Alive], "a duplicate");
    assert_eq!(pair.hear(kind, &frames[2..3]), [Said::Gap(kind), told(3)], "the second was lost");
    // A new connection goes on counting: what an old one repeats is recognised.
    pair.open(kind, Span::ZERO);
    assert_eq!(pair.hear(kind, &frames[1..4]), [Said::Alive, Said::Alive, told(4)]);
}

#[test]
fn a_book_that_lost_its_thread_waits_for_a_snapshot() {
    let mut pair = Pair::new("secret");
    pair.open(LinkKind::Market, Span::ZERO);
    let mut tell = |update_id, update| {
        let change = model::BookChange { update_id, update, ..nouns::book_change() };
        let frame = pair.server.market(&Fact::Book(change)).unwrap();
        let said = pair.hear(LinkKind::Market, &[frame]);
        said.into_iter().map(|s| matches!(s, Said::Market { .. })).collect::<Vec<_>>()
    };
    let (clear, level) = (model::BookUpdate::Clear, nouns::book_change().update);
    assert_eq!(
        tell(4, level),
        [false],
        "before any snapshot: told as a gap, or nobody asks for one that was lost"
    );
    assert_eq!(tell(5, clear), [true]);
    assert_eq!(tell(5, level), [true], "the same message");
    assert_eq!(tell(6, level), [true]);
    assert_eq!(tell(8, level), [false], "a gap");
    assert_eq!(tell(9, level), [false], "not believed, and told again");
    assert_eq!(tell(9, clear), [true]);
    let mut out = Vec::new();
    pair.client.resync_book(IX, Pair::moment(Span::ZERO), &mut out);
    let Outgoing::Frame { kind, frame } = &out[0] else { panic!("{out:?}") };
    let heard = pair.server.on_frame(*kind, frame, NOW, &mut Vec::new()).unwrap();
    assert_eq!(heard, Some(Heard::Resync(IX)));
}

#[test]
fn commands_are_signed_and_dated() {
    let mut pair = Pair::new("secret");
    let command = nouns::commands()[0];
    let (heard, replies) = pair.command(&command);
    assert_eq!(heard, None, "nobody is logged in");
    let refused = Said::Outcome { ticket: Ticket(5), meaning: Meaning::CredentialsInvalid };
    assert_eq!(pair.hear(LinkKind::Trade, &replies), [refused]);
    pair.open(LinkKind::Trade, Span::ZERO);
    assert_eq!(pair.command(&command).0, Some(Heard::Command(Ticket(5), command)));
    let mut text = match pair.client.send(Ticket(5), &Purpose::Command(command), Pair::moment(Span::ZERO)) {
        Ok(Outgoing::Frame { frame: Frame::Text(text), .. }) => text,
        other => panic!("{other:?}"),
    };
    text = text.replace("\"buy\"", "\"sell\"");
    let mut replies = Vec::new();
    let heard = pair.server.on_frame(LinkKind::Trade, &Frame::Text(text), NOW, &mut replies).unwrap();
    assert_eq!((heard, replies.len()), (None, 1), "a changed command does not pass");
}

#[test]
fn every_command_arrives_as_it_left() {
    let mut pair = Pair::new("secret");
    pair.open(LinkKind::Trade, Span::ZERO);
    for command in nouns::commands() {
        let heard = pair.command(&command).0;
        match command {
            OrderCommand::Query { id, instrument, .. } => {
                assert_eq!(heard, Some(Heard::Question(Question::Order { id, instrument })));
            }
            _ => assert_eq!(heard, Some(Heard::Command(Ticket(5), command)), "{command:?}"),
        }
    }
}

#[test]
fn every_event_and_market_fact_arrives_as_it_left() {
    let mut pair = Pair::new("secret");
    pair.open(LinkKind::Account, Span::ZERO);
    for event in nouns::events() {
        let frame = pair.server.event(&event);
        let said = pair.hear(LinkKind::Account, &[frame]);
        assert!(
            matches!(said[..], [Said::Event { event: heard, .. }] if heard == event),
            "{event:?}: {said:?}"
        );
    }
    pair.open(LinkKind::Market, Span::ZERO);
    for fact in nouns::market_facts() {
        let frame = pair.server.market(&fact).unwrap();
        let said = pair.hear(LinkKind::Market, &[frame]);
        assert!(
            matches!(said[..], [Said::Market { fact: heard, .. }] if heard == fact),
            "{fact:?}: {said:?}"
        );
    }
    assert!(pair.server.market(&Fact::Timer(model::TimerId(1))).is_none(), "no market tells timers");
}

#[test]
fn every_answer_arrives_as_it_left() {
    let mut pair = Pair::new("secret");
    for (question, answer) in nouns::answers() {
        let request = pair.request(question, Span::ZERO);
        assert_eq!(pair.server.on_request(&request, NOW), Ok(question));
        let response = pair.server.answer(&answer);
        assert_eq!(pair.answered(question, &response), answer);
    }
}

#[test]
fn the_name_of_an_order_that_somebody_else_placed_is_kept_to_cancel_it() {
    let mut pair = Pair::new("secret");
    pair.open(LinkKind::Trade, Span::ZERO);
    let report = nouns::order_report();
    let response = pair.server.answer(&Answer::OpenOrders(vec![report]));
    let by_hand = Response { body: response.body.replace("p00000700000000001", "by hand"), ..response };
    assert_ne!(by_hand.body, response.body);
    let Answer::OpenOrders(orders) = pair.answered(Question::OpenOrders, &by_hand) else { panic!() };
    assert!(orders[0].id.is_adopted());
    let cancel = OrderCommand::Cancel { id: orders[0].id, instrument: IX };
    let Ok(Outgoing::Frame { frame: Frame::Text(text), .. }) =
        pair.client.send(Ticket(1), &Purpose::Command(cancel), Pair::moment(Span::ZERO))
    else {
        panic!()
    };
    assert!(text.contains("by hand"), "{text}");
}

#[test]
fn requests_outside_the_window_are_refused_but_for_the_time() {
    let mut pair = Pair::new("secret");
    let late = Span::from_seconds(-60);
    let request = pair.request(Question::Wallet, late);
    let refused = pair.server.on_request(&request, NOW).unwrap_err();
    assert_eq!(pair.answered(Question::Wallet, &refused), Answer::Failed(Meaning::ClockSkew));
    let request = pair.request(Question::Time, late);
    assert_eq!(pair.server.on_request(&request, NOW), Ok(Question::Time));
    let request = Pair::new("guess").request(Question::Time, Span::ZERO);
    let refused = pair.server.on_request(&request, NOW).unwrap_err();
    assert_eq!(pair.answered(Question::Time, &refused), Answer::Failed(Meaning::CredentialsInvalid));
}

#[test]
fn what_cannot_be_read_says_where() {
    let mut pair = Pair::new("secret");
    let mut check = |kind, text: &str, want: Expect| {
        let frame = Frame::Text(text.to_owned());
        let error = pair.client.on_frame(kind, &frame, &mut Vec::new()).unwrap_err();
        want.assert_eq(&error.to_string());
    };
    check(LinkKind::Account, r#"{"op":"event"}"#, expect!["event: missing"]);
    check(
        LinkKind::Account,
        r#"{"op":"event","n":1,"event":{"type":"filled","of":{"execution":1,"side":"up"}}}"#,
        expect![[r#"event.of.cause: missing"#]],
    );
    check(
        LinkKind::Account,
        r#"{"op":"event","n":1,"event":{"type":"cancelled","id":"x","instrument":"ZZZ","reason":"Requested"}}"#,
        expect![[r#"event.instrument: "ZZZ" is not allowed; allowed: AAAUSDT, BBBUSDT"#]],
    );
    check(
        LinkKind::Account,
        r#"{"op":"event","n":-1,"event":{"type":"wallet","amount":"1"}}"#,
        expect!["n: -1 is not a whole number from zero, of 64 bits"],
    );
    check(
        LinkKind::Market,
        r#"{"op":"market","n":1,"fact":{"type":"mark","of":{"instrument":"AAAUSDT","exchange_time":1.5,"mark":1}}}"#,
        expect!["fact.of.exchange_time: 1.5 is not a whole number of 64 bits"],
    );
    check(
        LinkKind::Market,
        r#"{"op":"event"}"#,
        expect![[r#"op: "event" is not allowed; allowed: what the market link says"#]],
    );
}

#[test]
fn an_order_that_ended_says_how() {
    let mut pair = Pair::new("secret");
    let question = Question::Order { id: ClientOrderId::new(1, 0), instrument: IX };
    for answer in nouns::endings() {
        let response = pair.server.answer(&Answer::Order(answer));
        assert_eq!(pair.answered(question, &response), Answer::Order(answer));
    }
    let response = pair.server.answer(&Answer::Order(OrderAnswer::NotFound));
    assert_eq!(pair.answered(question, &response), Answer::Order(OrderAnswer::NotFound));
}

proptest! {
    /// Whatever bytes arrive: an error or a message, never a panic.
    #[test]
    fn strange_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut pair = Pair::new("secret");
        for kind in LinkKind::ALL {
            let frame = Frame::Binary(bytes.clone());
            let _ = pair.client.on_frame(kind, &frame, &mut Vec::new());
            let _ = pair.server.on_frame(kind, &frame, NOW, &mut Vec::new());
        }
    }

    /// The same for messages that were right before something happened to them.
    #[test]
    fn broken_messages_never_panic(which in 0usize..40, cut in 0usize..600, at in 0usize..600, byte in 32u8..127) {
        let mut pair = Pair::new("secret");
        let events = nouns::events();
        let Frame::Text(mut text) = pair.server.event(&events[which % events.len()]) else { panic!() };
        let at = at % text.len();
        text.replace_range(at..=at, &char::from(byte).to_string());
        text.truncate(cut.max(1));
        let _ = pair.client.on_frame(LinkKind::Account, &Frame::Text(text), &mut Vec::new());
        let Ok(Outgoing::Frame { frame: Frame::Text(mut text), .. }) =
            pair.client.send(Ticket(1), &Purpose::Command(nouns::commands()[which % 20]), Pair::moment(Span::ZERO))
        else { return Ok(()) };
        let at = at % text.len();
        text.replace_range(at..=at, &char::from(byte).to_string());
        let _ = pair.server.on_frame(LinkKind::Trade, &Frame::Text(text), NOW, &mut Vec::new());
    }
}
