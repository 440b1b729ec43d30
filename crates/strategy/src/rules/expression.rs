//! Expressions: their tree, and the parser that makes it (precedence climbing after Pratt 1973).

use super::document::Scalar;
use super::lexer::{Sign, Token, tokens};
use super::problem::{Findings, Span};
use model::Timeframe;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    /// Minutes after midnight.
    Clock(u16),
    Frame(Timeframe),
    Name(String),
    Call {
        name: String,
        name_span: Span,
        arguments: Vec<Argument>,
    },
    Negative(Box<Expression>),
    Not(Box<Expression>),
    Binary {
        operator: Binary,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    /// One output of an indicator: `macd(12, 26, 9).signal`.
    Output {
        of: Box<Expression>,
        name: String,
        name_span: Span,
    },
    /// A value some candles ago: `close[1]`.
    Past {
        of: Box<Expression>,
        ago: Box<Expression>,
    },
    /// An expression on longer candles: `ema(close, 50)@1h`.
    At {
        of: Box<Expression>,
        timeframe: Timeframe,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Argument {
    pub(super) name: Option<(String, Span)>,
    pub(super) value: Expression,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Plus,
    Minus,
    Times,
    Over,
}

impl Binary {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Over => "/",
        }
    }

    const fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Less
            | Self::LessEqual
            | Self::Greater
            | Self::GreaterEqual
            | Self::Equal
            | Self::NotEqual => 4,
            Self::Plus | Self::Minus => 5,
            Self::Times | Self::Over => 6,
        }
    }

    pub(super) const fn compares(self) -> bool {
        self.strength() == 4
    }
}

/// How strongly `not` and the sign bind.
const NOT: u8 = 3;
const NEGATIVE: u8 = 7;

/// The deepest nesting of an expression.
const MAX_DEPTH: u32 = 48;

/// The words that mean something by themselves.
pub(super) const KEYWORDS: [&str; 5] = ["and", "or", "not", "true", "false"];

/// Reads an expression; what is wrong is noted, and `None` returned.
pub(super) fn parse(scalar: &Scalar, findings: &mut Findings) -> Option<Expression> {
    if scalar.text.trim().is_empty() {
        findings.note(scalar.span, "an expression was expected here, such as close > ema(close, 50)");
        return None;
    }
    let tokens = tokens(scalar, findings)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    match parser.whole() {
        Ok(expression) => Some(expression),
        Err((span, message)) => {
            findings.note(span, message);
            None
        }
    }
}

type Refused = (Span, String);

struct Parser<'a> {
    tokens: &'a [(Token, Span)],
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> &(Token, Span) {
        // The list ends with `End`, which is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> (Token, Span) {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn takes(&mut self, sign: Sign) -> bool {
        let is_it = self.peek().0 == Token::Sign(sign);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: Sign, after: &str) -> Result<Span, Refused> {
        let (token, span) = self.next();
        if token == Token::Sign(sign) {
            return Ok(span);
        }
        Err((span, format!("expected `{}` after {after}, found {}", sign.text(), token.describe())))
    }

    fn whole(&mut self) -> Result<Expression, Refused> {
        let expression = self.expression(0)?;
        let (token, span) = self.peek().clone();
        match &token {
            Token::End => Ok(expression),
            Token::Sign(Sign::Assign) => {
                Err((span, "`=` means nothing here; to compare, write `==`".to_owned()))
            }
            Token::Sign(Sign::Close) => Err((span, "this `)` closes nothing".to_owned())),
            _ => Err((
                span,
                format!(
                    "expected an operator such as `and`, `>` or `+`, or the end, found {}",
                    token.describe()
                ),
            )),
        }
    }

    fn operator(&self) -> Option<Binary> {
        Some(match &self.peek().0 {
            Token::Name(name) if name == "or" => Binary::Or,
            Token::Name(name) if name == "and" => Binary::And,
            Token::Sign(sign) => match sign {
                Sign::Less => Binary::Less,
                Sign::LessEqual => Binary::LessEqual,
                Sign::Greater => Binary::Greater,
                Sign::GreaterEqual => Binary::GreaterEqual,
                Sign::Equal => Binary::Equal,
                Sign::NotEqual => Binary::NotEqual,
                Sign::Plus => Binary::Plus,
                Sign::Minus => Binary::Minus,
                Sign::Star => Binary::Times,
                Sign::Slash => Binary::Over,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// An expression whose operators bind more strongly than `least`.
    fn expression(&mut self, least: u8) -> Result<Expression, Refused> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let span = self.peek().1;
            return Err((
                span,
                format!(
                    "the expression is nested deeper than {MAX_DEPTH} levels; name parts of it under `let`"
                ),
            ));
        }
        let mut left = self.prefix()?;
        let mut length = 0;
        while let Some(operator) = self.operator() {
            let strength = operator.strength();
            if strength <= least {
                break;
            }
            let span = self.next().1;
            length += 1;
            if length > 200 {
                return Err((span, "the expression is too long; name parts of it under `let`".to_owned()));
            }
            let right = self.expression(strength)?;
            if operator.compares()
                && let Some(next) = self.operator().filter(|next| next.compares())
            {
                let text = format!(
                    "comparisons do not chain; write a {} b and b {} c",
                    operator.text(),
                    next.text()
                );
                return Err((self.peek().1, text));
            }
            let span = left.span.to(right.span);
            let kind = Kind::Binary { operator, left: Box::new(left), right: Box::new(right) };
            left = Expression { span, kind };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Expression, Refused> {
        let (token, span) = self.peek().clone();
        match token {
            Token::Sign(Sign::Minus) => {
                self.at += 1;
                let of = self.expression(NEGATIVE)?;
                Ok(Expression { span: span.to(of.span), kind: Kind::Negative(Box::new(of)) })
            }
            Token::Sign(Sign::Plus) => {
                self.at += 1;
                self.expression(NEGATIVE)
            }
            Token::Name(name) if name == "not" => {
                self.at += 1;
                let of = self.expression(NOT)?;
                Ok(Expression { span: span.to(of.span), kind: Kind::Not(Box::new(of)) })
            }
            _ => {
                let primary = self.primary()?;
                self.suffixes(primary)
            }
        }
    }

    fn primary(&mut self) -> Result<Expression, Refused> {
        let (token, span) = self.next();
        let kind = match token {
            Token::Number(x) => Kind::Number(x),
            Token::Clock(minutes) => Kind::Clock(minutes),
            Token::Frame(timeframe) => Kind::Frame(timeframe),
            Token::Name(name) if matches!(name.as_str(), "and" | "or") => {
                return Err((span, format!("`{name}` needs something before it")));
            }
            Token::Name(name) if self.takes(Sign::Open) => {
                let (arguments, end) = self.arguments(&name)?;
                return Ok(Expression {
                    span: span.to(end),
                    kind: Kind::Call { name, name_span: span, arguments },
                });
            }
            Token::Name(name) => Kind::Name(name),
            Token::Sign(Sign::Open) => {
                let inner = self.expression(0)?;
                let end = self.expect(Sign::Close, "what is in the parentheses")?;
                return Ok(Expression { span: span.to(end), ..inner });
            }
            Token::End => return Err((span, "the expression ends where a value was expected".to_owned())),
            other => {
                return Err((span, format!("expected a value, a name or `(`, found {}", other.describe())));
            }
        };
        Ok(Expression { span, kind })
    }

    fn arguments(&mut self, of: &str) -> Result<(Vec<Argument>, Span), Refused> {
        let mut list = Vec::new();
        loop {
            if self.peek().0 == Token::Sign(Sign::Close) {
                return Ok((list, self.next().1));
            }
            let name = match (self.peek().clone(), self.tokens.get(self.at + 1)) {
                ((Token::Name(name), span), Some((Token::Sign(Sign::Assign), _))) => {
                    self.at += 2;
                    Some((name, span))
                }
                _ => None,
            };
            let value = self.expression(0)?;
            list.push(Argument { name, value });
            if !self.takes(Sign::Comma) && self.peek().0 != Token::Sign(Sign::Close) {
                let (token, span) = self.next();
                return Err((
                    span,
                    format!("expected `,` or `)` in the call of {of}, found {}", token.describe()),
                ));
            }
        }
    }

    fn suffixes(&mut self, mut of: Expression) -> Result<Expression, Refused> {
        let mut length = 0;
        loop {
            length += 1;
            if length > 16 {
                return Err((self.peek().1, "too many of `.`, `[` and `@` in a row".to_owned()));
            }
            let inner = Box::new(of);
            of = if self.takes(Sign::Dot) {
                let (token, span) = self.next();
                let Token::Name(name) = token else {
                    let found = token.describe();
                    return Err((span, format!("expected the name of an output after `.`, found {found}")));
                };
                Expression {
                    span: inner.span.to(span),
                    kind: Kind::Output { of: inner, name, name_span: span },
                }
            } else if self.takes(Sign::OpenBracket) {
                let ago = Box::new(self.expression(0)?);
                let end = self.expect(Sign::CloseBracket, "how many candles ago")?;
                Expression { span: inner.span.to(end), kind: Kind::Past { of: inner, ago } }
            } else if self.takes(Sign::At) {
                let (token, span) = self.next();
                let Token::Frame(timeframe) = token else {
                    let found = token.describe();
                    return Err((span, format!("expected a timeframe such as 1h after `@`, found {found}")));
                };
                Expression { span: inner.span.to(span), kind: Kind::At { of: inner, timeframe } }
            } else {
                return Ok(*inner);
            };
        }
    }
}
