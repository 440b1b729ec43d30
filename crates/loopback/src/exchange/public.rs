//! What everybody may ask.

use super::Exchange;
use crate::choices::Open;
use crate::market::candles::{Candle, Prices};
use crate::market::{BAND, FUNDING_CAP, MarketStatus, most_price};
use model::{Instrument, Side};
use serde_json::{Map, Value, json};
use units::{Amount, Price, Quantity, Rate, Rounding, Span, Timestamp};
use wire::bybit::server::{Cursor, Endpoint, Interval, Page, Params, Refusal, text};

/// Categories that exist elsewhere and have nothing to offer here.
const OTHERS: [&str; 3] = ["spot", "inverse", "option"];

pub(super) fn is_elsewhere(category: &str) -> bool {
    OTHERS.contains(&category)
}

impl Exchange {
    /// The category must be `linear`.
    pub(super) fn linear(&self, params: &Params) -> Result<(), Refusal> {
        match params.text("category").as_deref() {
            Some("linear") => Ok(()),
            None => Err(Refusal::parameter("params error: category is required")),
            Some(_) => Err(Refusal::category()),
        }
    }

    /// How many rows are asked for.
    pub(super) fn limit(&self, params: &Params, default: usize, most: usize) -> Result<usize, Refusal> {
        match params.int("limit")? {
            Some(asked) if self.choices.is_flipped(Open::Limit) => {
                Ok(usize::try_from(asked).unwrap_or(1).clamp(1, most))
            }
            _ => wire::bybit::server::limit(params, default, most),
        }
    }

    /// The market that is asked about.
    pub(super) fn market_of(&self, params: &Params) -> Result<usize, Refusal> {
        self.find(&params.required("symbol")?).ok_or_else(Refusal::symbol)
    }

    /// Answers what everybody may ask.
    pub(super) fn public(&self, endpoint: Endpoint, params: &Params) -> Result<Value, Refusal> {
        let category = params.text("category");
        let has_category = !matches!(
            endpoint,
            Endpoint::Time
                | Endpoint::Insurance
                | Endpoint::AdlAlert
                | Endpoint::Announcements
                | Endpoint::SystemStatus
        );
        if has_category && let Some(other) = category.as_deref().filter(|category| is_elsewhere(category)) {
            return Ok(json!({"category": other, "list": [], "nextPageCursor": ""}));
        }
        // Candles and the price band are of linear contracts where nothing is said.
        let needs_category = has_category
            && !matches!(
                endpoint,
                Endpoint::Kline
                    | Endpoint::MarkKline
                    | Endpoint::IndexKline
                    | Endpoint::PremiumKline
                    | Endpoint::PriceLimit
            );
        if needs_category || (has_category && category.is_some()) {
            self.linear(params)?;
        }
        match endpoint {
            Endpoint::Time => {
                let nanos =
                    i128::from(self.server_ms()) * 1_000_000 + i128::from(self.clock.nanos() % 1_000_000);
                Ok(
                    json!({"timeSecond": (self.server_ms() / 1_000).to_string(), "timeNano": nanos.to_string()}),
                )
            }
            Endpoint::Kline | Endpoint::MarkKline | Endpoint::IndexKline | Endpoint::PremiumKline => {
                self.klines(endpoint, params)
            }
            Endpoint::Instruments => self.instruments_info(params),
            Endpoint::OrderBook => {
                let i = self.market_of(params)?;
                Ok(self.book_by_request(i, self.limit(params, 25, 1_000)?))
            }
            Endpoint::RpiBook => {
                let i = self.market_of(params)?;
                let mut book = self.book_by_request(i, self.limit(params, 25, 50)?);
                for side in ["a", "b"] {
                    // Of improvement there is none here.
                    for level in
                        book[side].as_array_mut().into_iter().flatten().filter_map(Value::as_array_mut)
                    {
                        level.push(text::quantity(Quantity::ZERO, &self.instruments[i]).into());
                    }
                }
                Ok(book)
            }
            Endpoint::Tickers => {
                let chosen = match params.text("symbol") {
                    Some(_) => vec![self.market_of(params)?],
                    None => (0..self.markets.len()).collect(),
                };
                let base = params.text("baseCoin");
                let rows: Vec<Value> = chosen
                    .into_iter()
                    .filter(|i| base.as_ref().is_none_or(|base| *base == self.instruments[*i].base))
                    .map(|i| Value::Object(self.ticker(i, false)))
                    .collect();
                Ok(json!({"category": "linear", "list": rows}))
            }
            Endpoint::FundingHistory => self.funding_history(params),
            Endpoint::RecentTrades => {
                let i = self.market_of(params)?;
                let of = &self.instruments[i];
                let rows: Vec<Value> = self.markets[i]
                    .trades
                    .iter()
                    .rev()
                    .take(self.limit(params, 500, 1_000)?)
                    .map(|trade| {
                        json!({"execId": self.trade_id(i, trade.number), "symbol": of.symbol,
                            "price": text::price(trade.price, of), "size": text::quantity(trade.quantity, of),
                            "side": if trade.taker == Side::Buy { "Buy" } else { "Sell" },
                            "time": text::millis(trade.at), "isBlockTrade": false, "isRPITrade": false,
                            "seq": trade.sequence.to_string()})
                    })
                    .collect();
                Ok(json!({"category": "linear", "list": rows}))
            }
            Endpoint::OpenInterest => self.open_interest(params),
            Endpoint::AccountRatio => self.account_ratio(params),
            Endpoint::RiskLimit => {
                let chosen = match params.text("symbol") {
                    Some(_) => vec![self.market_of(params)?],
                    None => (0..self.markets.len()).collect(),
                };
                let rows: Vec<Value> =
                    chosen.into_iter().flat_map(|i| risk_rows(&self.instruments[i], i)).collect();
                Ok(json!({"category": "linear", "list": rows, "nextPageCursor": ""}))
            }
            Endpoint::PriceLimit => Ok(self.price_limit(self.market_of(params)?)),
            Endpoint::Insurance => {
                let is_other = params.text("coin").is_some_and(|coin| coin != "USDT");
                let list = if is_other { json!([]) } else { self.insurance() };
                Ok(json!({"updatedTime": text::millis(self.now), "list": list}))
            }
            Endpoint::AdlAlert => {
                let symbol = match params.text("symbol") {
                    Some(_) => Some(self.market_of(params)?),
                    None => None,
                };
                let chosen =
                    self.instruments.iter().enumerate().filter(|(i, _)| symbol.is_none_or(|s| s == *i));
                let rows: Vec<Value> = chosen
                    .map(|(_, of)| {
                        json!({"coin": "USDT", "symbol": of.symbol, "balance": "1000000", "maxBalance": "1000000",
                            "insurancePnlRatio": "-0.3", "pnlRatio": "0", "adlTriggerThreshold": "10000",
                            "adlStopRatio": "-0.25"})
                    })
                    .collect();
                Ok(json!({"updatedTime": text::millis(self.now), "list": rows}))
            }
            Endpoint::Announcements => Ok(json!({"total": 0, "list": []})),
            Endpoint::SystemStatus => Ok(json!({"list": []})),
            // Whoever else may be asked is asked with a key.
            _ => Err(Refusal::not_found()),
        }
    }

    /// A moment of a request, cut off at the ends of the history.
    fn moment(&self, i: usize, params: &Params, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(ms) = params.int(name)? else { return Ok(None) };
        let first = self.markets[i].minutes.first();
        let (first, last) = (first - Span::DAY, self.now + Span::DAY);
        let at = Timestamp::from_nanos(ms.saturating_mul(1_000_000));
        Ok(Some(at.clamp(first, last)))
    }

    fn klines(&self, endpoint: Endpoint, params: &Params) -> Result<Value, Refusal> {
        let i = self.market_of(params)?;
        let interval = params.required("interval")?;
        let interval = Interval::parse(&interval).ok_or_else(|| Refusal::invalid("interval", &interval))?;
        let most = self.limit(params, 200, 1_000)?;
        let (from, to) = (self.moment(i, params, "start")?, self.moment(i, params, "end")?);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(Refusal::parameter("params error: start should be less than end"));
        }
        let candles = self.markets[i].minutes.candles(interval, from, to, most);
        let of = &self.instruments[i];
        let rows: Vec<Value> = candles.iter().map(|candle| kline_row(endpoint, candle, of)).collect();
        Ok(json!({"symbol": of.symbol, "category": "linear", "list": rows}))
    }

    /// The rules of what is traded.
    pub(super) fn instruments_info(&self, params: &Params) -> Result<Value, Refusal> {
        let most = self.limit(params, 500, 1_000)?;
        let status = params.text("status");
        if let Some(status) = &status
            && !MarketStatus::ALL.iter().any(|(_, text)| text == status)
        {
            return Err(Refusal::invalid("status", status));
        }
        let symbol = match params.text("symbol") {
            Some(_) => Some(self.market_of(params)?),
            None => None,
        };
        let base = params.text("baseCoin");
        let is_meant = |i: &usize| {
            let market = &self.markets[*i];
            let is_status = match &status {
                Some(status) => market.status.text() == status,
                None => symbol.is_some() || market.status == MarketStatus::Trading,
            };
            is_status
                && symbol.is_none_or(|symbol| symbol == *i)
                && base.as_ref().is_none_or(|base| *base == market.instrument.base)
        };
        let rows = (0..self.markets.len()).rev().filter(is_meant);
        let rows = rows.map(|i| (u64::try_from(i).unwrap_or(0) + 1, self.instrument_row(i)));
        let page = Page::of(rows, Cursor::read(params)?, most);
        Ok(json!({"category": "linear", "list": page.rows, "nextPageCursor": page.next}))
    }

    fn instrument_row(&self, i: usize) -> Value {
        let market = &self.markets[i];
        let of = &market.instrument;
        let whole = |rate: Rate| rate.to_string();
        let scale = of.tick_size.decimal(of.price_decimals).normalized().decimals.max(of.price_decimals);
        json!({
            "symbol": of.symbol,
            "symbolId": i + 1,
            "contractType": "LinearPerpetual",
            "status": market.status.text(),
            "baseCoin": of.base,
            "quoteCoin": of.quote,
            "settleCoin": of.quote,
            "symbolType": "",
            "launchTime": "1585526400000",
            "deliveryTime": "0",
            "deliveryFeeRate": "",
            "priceScale": scale.to_string(),
            "leverageFilter": {"minLeverage": "1", "maxLeverage": format!("{}.00", of.max_leverage()), "leverageStep": "0.01"},
            "priceFilter": {
                "minPrice": text::price(of.tick_size, of),
                "maxPrice": text::price(most_price(of), of),
                "tickSize": text::price(of.tick_size, of),
            },
            "lotSizeFilter": {
                "maxOrderQty": text::quantity(of.max_limit_quantity, of),
                "minOrderQty": text::quantity(of.min_quantity, of),
                "qtyStep": text::quantity(of.quantity_step, of),
                "postOnlyMaxOrderQty": text::quantity(of.max_limit_quantity, of),
                "maxMktOrderQty": text::quantity(of.max_market_quantity, of),
                "minNotionalValue": text::money(of.min_notional),
            },
            "unifiedMarginTrade": true,
            "fundingInterval": of.funding_interval.seconds() / 60,
            "copyTrading": "none",
            "upperFundingRate": whole(FUNDING_CAP),
            "lowerFundingRate": format!("-{FUNDING_CAP}"),
            "displayName": "",
            "forbidUplWithdrawal": false,
            "riskParameters": {"priceLimitRatioX": whole(BAND), "priceLimitRatioY": whole(BAND)},
            "isPreListing": false,
            "preListingInfo": null,
            "skipCallAuction": false,
        })
    }

    /// The newest figures, as the stream or as the request has them.
    pub(super) fn ticker(&self, i: usize, is_stream: bool) -> Map<String, Value> {
        let market = &self.markets[i];
        let of = &market.instrument;
        let day = market.minutes.lately(Span::DAY);
        let hour = market.minutes.lately(Span::from_seconds(3_600));
        let price = |p: Price| Value::from(text::price(p, of));
        let first = |part: Option<crate::market::candles::Minute>| part.map_or(market.last, |m| m.prices[0]);
        let before = first(day);
        let change = i128::from((market.last - before).mantissa()) * 1_000_000;
        let change = units::mul_div(change, 1, before.mantissa().into(), Rounding::HalfEven).unwrap_or(0);
        let change = units::Decimal { mantissa: change, decimals: 6 };
        let bid = self.shown(i, Side::Buy, 1).first().copied();
        let ask = self.shown(i, Side::Sell, 1).first().copied();
        let open = market.open_interest(self.now);
        let value = of.notional(market.mark, open);
        let top = |level: Option<(Price, Quantity)>| {
            level.map_or_else(
                || (Value::from(""), Value::from("")),
                |(p, q)| (price(p), text::quantity(q, of).into()),
            )
        };
        let ((bid1, bid1_size), (ask1, ask1_size)) = (top(bid), top(ask));
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        put("symbol", of.symbol.as_str().into());
        put("lastPrice", price(market.last));
        put("indexPrice", price(market.index));
        put("markPrice", price(market.mark));
        put("prevPrice24h", price(before));
        put("price24hPcnt", change.to_string().into());
        put("highPrice24h", price(day.map_or(market.last, |m| m.prices[1])));
        put("lowPrice24h", price(day.map_or(market.last, |m| m.prices[2])));
        put("prevPrice1h", price(first(hour)));
        put("openInterest", text::quantity(open, of).into());
        put("openInterestValue", value.rounded(2).into());
        put("turnover24h", day.map_or(Amount::ZERO, |m| m.turnover).rounded(4).into());
        put("volume24h", text::quantity(day.map_or(Quantity::ZERO, |m| m.volume), of).into());
        put("fundingRate", market.funding_rate().to_string().into());
        put("nextFundingTime", text::millis(market.next_funding(self.now)).into());
        put("fundingIntervalHour", (of.funding_interval.seconds() / 3_600).to_string().into());
        put("fundingCap", FUNDING_CAP.to_string().into());
        put("bid1Price", bid1);
        put("bid1Size", bid1_size);
        put("ask1Price", ask1);
        put("ask1Size", ask1_size);
        if is_stream {
            put("tickDirection", market.direction.into());
            return fields;
        }
        put("singleOpenInterest", text::quantity(open, of).into());
        put("singleOpenInterestValue", value.rounded(2).into());
        put("deliveryTime", "0".into());
        for name in [
            "basis",
            "basisRate",
            "basisRateYear",
            "deliveryFeeRate",
            "predictedDeliveryPrice",
            "preOpenPrice",
            "preQty",
            "curPreListingPhase",
        ] {
            put(name, "".into());
        }
        fields
    }

    fn funding_history(&self, params: &Params) -> Result<Value, Refusal> {
        let i = self.market_of(params)?;
        let most = self.limit(params, 200, 200)?;
        let (from, to) = (params.int("startTime")?, params.int("endTime")?);
        if from.is_some() && to.is_none() {
            return Err(Refusal::parameter("params error: endTime is required with startTime"));
        }
        let of = &self.instruments[i];
        let rows: Vec<Value> = self.markets[i]
            .funding
            .iter()
            .rev()
            .filter(|(at, _)| from.is_none_or(|from| at.millis() >= from))
            .filter(|(at, _)| to.is_none_or(|to| at.millis() <= to))
            .take(most)
            .map(|(at, rate)| {
                json!({"symbol": of.symbol, "fundingRate": rate.to_string(), "fundingRateTimestamp": text::millis(*at)})
            })
            .collect();
        Ok(json!({"category": "linear", "list": rows}))
    }

    /// Moments on a grid, newest first, between two ends and behind a cursor.
    fn grid(
        &self,
        i: usize,
        params: &Params,
        step: Span,
        most: usize,
    ) -> Result<(Vec<Timestamp>, String), Refusal> {
        let from = self.moment(i, params, "startTime")?.unwrap_or_else(|| self.markets[i].minutes.first());
        let to = self.moment(i, params, "endTime")?.unwrap_or(self.now).min(self.now);
        let count = ((to - from).nanos() / step.nanos() + 1).clamp(0, 100_000);
        let last = to.floor_to(step);
        let moments = (0..count)
            .map(|n| last - Span::from_nanos(step.nanos() * n))
            .filter(|at| *at >= from)
            .map(|at| (u64::try_from(at.millis()).unwrap_or(0), at));
        let page = Page::of(moments, Cursor::read(params)?, most);
        Ok((page.rows, page.next))
    }

    fn open_interest(&self, params: &Params) -> Result<Value, Refusal> {
        let i = self.market_of(params)?;
        let step = step_of(params, "intervalTime")?;
        let (moments, next) = self.grid(i, params, step, self.limit(params, 50, 200)?)?;
        let of = &self.instruments[i];
        let rows: Vec<Value> = moments
            .into_iter()
            .map(|at| {
                let open = self.markets[i].open_interest(at);
                json!({"openInterest": text::quantity(open + open, of), "singleOpenInterest": text::quantity(open, of),
                    "timestamp": text::millis(at)})
            })
            .collect();
        Ok(json!({"symbol": of.symbol, "category": "linear", "list": rows, "nextPageCursor": next}))
    }

    fn account_ratio(&self, params: &Params) -> Result<Value, Refusal> {
        let i = self.market_of(params)?;
        let step = step_of(params, "period")?;
        let (moments, next) = self.grid(i, params, step, self.limit(params, 50, 500)?)?;
        let of = &self.instruments[i];
        let rows: Vec<Value> = moments
            .into_iter()
            .map(|at| {
                let share = 4_000 + i128::from(units::Prng::new(at.millis().unsigned_abs()).below(2_000));
                let ratio = |mantissa: i128| units::Decimal { mantissa, decimals: 4 }.to_string();
                json!({"symbol": of.symbol, "buyRatio": ratio(share), "sellRatio": ratio(10_000 - share),
                    "timestamp": text::millis(at)})
            })
            .collect();
        Ok(json!({"list": rows, "nextPageCursor": next}))
    }
}

fn step_of(params: &Params, name: &str) -> Result<Span, Refusal> {
    params.required(name)?;
    let steps = ["5min", "15min", "30min", "1h", "4h", "1d"];
    let seconds = match params.word(name, &steps)? {
        Some("5min") => 300,
        Some("15min") => 900,
        Some("30min") => 1_800,
        Some("1h") => 3_600,
        Some("4h") => 14_400,
        _ => 86_400,
    };
    Ok(Span::from_seconds(seconds))
}

fn kline_row(endpoint: Endpoint, candle: &Candle, of: &Instrument) -> Value {
    let start = text::millis(candle.start);
    let minute = &candle.minute;
    let shown = |prices: Prices| prices.map(|p| text::short_price(p, of));
    let four = |[open, high, low, close]: [String; 4]| json!([start, open, high, low, close]);
    match endpoint {
        Endpoint::MarkKline => four(shown(minute.mark)),
        Endpoint::IndexKline => four(shown(minute.index)),
        Endpoint::PremiumKline => {
            let premium = |n: usize| {
                let (mark, index) = (minute.mark[n], minute.index[n]);
                let over = i128::from((mark - index).mantissa()) * 100_000_000;
                let ratio = units::mul_div(over, 1, index.mantissa().max(1).into(), Rounding::HalfEven);
                units::Decimal { mantissa: ratio.unwrap_or(0), decimals: 8 }
            };
            let (open, close) = (premium(0), premium(3));
            let order =
                |a: units::Decimal, b: units::Decimal| if a.mantissa > b.mantissa { (a, b) } else { (b, a) };
            let (high, low) = order(open, close);
            four([open, high, low, close].map(|d| d.to_string()))
        }
        _ => {
            let [open, high, low, close] = shown(minute.prices);
            json!([
                start,
                open,
                high,
                low,
                close,
                text::short_quantity(minute.volume, of),
                text::money(minute.turnover)
            ])
        }
    }
}

fn risk_rows(of: &Instrument, i: usize) -> Vec<Value> {
    let tiers = of.margin_tiers.iter().enumerate();
    tiers
        .map(|(n, tier)| {
            let initial = units::mul_div(
                i128::from(Rate::ONE.units()),
                Rate::ONE.units().into(),
                tier.max_leverage.units().into(),
                Rounding::Up,
            );
            let initial = Rate::from_units(i64::try_from(initial.unwrap_or(0)).unwrap_or(i64::MAX));
            json!({
                "id": i * 100 + n + 1,
                "symbol": of.symbol,
                "riskLimitValue": text::money(tier.notional_limit),
                "maintenanceMargin": tier.maintenance_rate.to_string(),
                "initialMargin": initial.to_string(),
                "isLowestRisk": u8::from(n == 0),
                "maxLeverage": format!("{}.00", tier.max_leverage),
                "mmDeduction": if n == 0 { String::new() } else { text::money(tier.deduction) },
            })
        })
        .collect()
}
