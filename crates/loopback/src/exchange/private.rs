//! What an account may ask, once it is known who asks.

use super::Exchange;
use super::public::is_elsewhere;
use crate::account::{Account, Kept, Placed, Scene, Transfer};
use crate::choices::{Open, is_on_step};
use model::{InstrumentIx, MarginMode, OrderKind, PositionMode, PositionSide, Side};
use serde_json::{Value, json};
use units::{Amount, Price, Rate};
use wire::bybit::server::{
    AmendOrder, CreateOrder, Cursor, Endpoint, OrderName, Page, Params, Refusal, Scope, TradingStop, Window,
    closed_pnl_row, execution_row, log_row, order_row, position_row, text, wallet_row,
};

/// How many orders that ended `realtime` still knows.
const LATELY: usize = 500;

impl Exchange {
    /// The account and the scene it acts in.
    fn acting(&mut self, account: usize) -> (&mut Account, Scene<'_>) {
        let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
        (&mut self.accounts[account], scene)
    }

    /// Answers an account.
    pub(super) fn private(
        &mut self,
        account: usize,
        endpoint: Endpoint,
        params: &Params,
    ) -> Result<Value, Refusal> {
        let lists = [
            Endpoint::OpenOrders,
            Endpoint::OrderHistory,
            Endpoint::Executions,
            Endpoint::Positions,
            Endpoint::ClosedPnl,
            Endpoint::SymbolInfo,
            Endpoint::FeeRate,
            Endpoint::AccountInstruments,
        ];
        if lists.contains(&endpoint)
            && let Some(other) = params.text("category").filter(|category| is_elsewhere(category))
        {
            return Ok(json!({"category": other, "list": [], "nextPageCursor": ""}));
        }
        match endpoint {
            Endpoint::Create | Endpoint::Amend | Endpoint::Cancel => {
                let placed = self.batch_item_of(account, endpoint, params, false)?;
                Ok(json!({"orderId": placed.id, "orderLinkId": placed.link}))
            }
            Endpoint::CancelAll => self.cancel_all(account, params),
            Endpoint::PreCheck => self.pre_check(account, params),
            Endpoint::SetDcp => {
                let seconds = params.int("timeWindow")?.ok_or_else(|| missing("timeWindow"))?;
                if !(3..=300).contains(&seconds) {
                    return Err(Refusal::invalid("timeWindow", &seconds.to_string()));
                }
                self.accounts[account].dcp_seconds = Some(seconds);
                Ok(json!({}))
            }
            Endpoint::OpenOrders => self.open_orders(account, params),
            Endpoint::OrderHistory => self.order_history(account, params),
            Endpoint::Executions => self.executions(account, params),
            Endpoint::Positions => self.positions(account, params),
            Endpoint::ClosedPnl => self.closed_pnl(account, params),
            Endpoint::SymbolInfo => {
                self.linear(params)?;
                let chosen = self.chosen(params)?;
                let kept = &self.accounts[account];
                let rows: Vec<Value> = chosen
                    .into_iter()
                    .flat_map(|i| kept.sides(self.ix(i)).iter().map(move |side| (i, *side)))
                    .map(|(i, side)| {
                        let opens = if side == PositionSide::Short { Side::Sell } else { Side::Buy };
                        json!({"symbol": self.instruments[i].symbol, "leverage": kept.venue.leverage(self.ix(i), opens).to_string(),
                            "side": "", "positionIdx": side.index()})
                    })
                    .collect();
                Ok(json!({"category": "linear", "list": rows}))
            }
            Endpoint::SetLeverage => {
                let ix = self.linear_ix(params)?;
                let leverage = |name: &str| {
                    let text = params.required(name)?;
                    // From one on, in steps of a hundredth.
                    let step = Rate::ONE.units() / 100;
                    let is_allowed = |rate: &Rate| *rate >= Rate::ONE && rate.units() % step == 0;
                    let read = Rate::parse(&text).ok().filter(is_allowed);
                    read.ok_or_else(|| Refusal::invalid(name, &text))
                };
                let sides = (leverage("buyLeverage")?, leverage("sellLeverage")?);
                let (account, scene) = self.acting(account);
                account.set_leverage(&scene, ix, sides).map(|()| json!({}))
            }
            Endpoint::SwitchMode => {
                self.linear(params)?;
                let mode = match params.int("mode")? {
                    Some(0) => PositionMode::OneWay,
                    Some(3) => PositionMode::Hedge,
                    other => {
                        return Err(Refusal::invalid(
                            "mode",
                            &other.map_or(String::new(), |n| n.to_string()),
                        ));
                    }
                };
                let ix = match (params.text("symbol"), params.text("coin")) {
                    (Some(_), _) => Some(self.linear_ix(params)?),
                    (None, Some(coin)) if coin == "USDT" => None,
                    (None, Some(coin)) => return Err(Refusal::invalid("coin", &coin)),
                    (None, None) => return Err(missing("symbol or coin")),
                };
                let (account, scene) = self.acting(account);
                account.switch_mode(&scene, ix, mode).map(|()| json!({}))
            }
            Endpoint::TradingStop => {
                let ix = self.linear_ix(params)?;
                let asked = TradingStop::read(params, &self.instruments[ix.index()])?;
                let (account, scene) = self.acting(account);
                account.trading_stop(&scene, ix, &asked).map(|()| json!({}))
            }
            Endpoint::SetAutoAddMargin => {
                let ix = self.linear_ix(params)?;
                let is_on = match params.int("autoAddMargin")? {
                    Some(0) => false,
                    Some(1) => true,
                    Some(other) => return Err(Refusal::invalid("autoAddMargin", &other.to_string())),
                    None => return Err(missing("autoAddMargin")),
                };
                let idx = idx_of(params)?;
                self.accounts[account].set_auto_margin((ix, idx), is_on).map(|()| json!({}))
            }
            Endpoint::AddMargin => {
                let ix = self.linear_ix(params)?;
                let margin = params.required("margin")?;
                let amount = Amount::parse(&margin).map_err(|_| Refusal::invalid("margin", &margin))?;
                let idx = idx_of(params)?;
                let (kept, scene) = self.acting(account);
                let side = kept.add_margin(&scene, (ix, idx), amount)?;
                let position = kept.position(&scene, ix, side);
                let mut row = position_row(&position, &scene.instruments[ix.index()]);
                row["category"] = "linear".into();
                Ok(row)
            }
            Endpoint::ConfirmMmr => self.linear_ix(params).map(|_| json!({})),
            Endpoint::SwitchIsolated => {
                Err(Refusal::new(100_028, "The API cannot be accessed by unified account users."))
            }
            Endpoint::SetTpslMode => {
                self.linear_ix(params)?;
                Ok(json!({"tpSlMode": params.text("tpSlMode").unwrap_or_else(|| "Full".to_owned())}))
            }
            Endpoint::SetRiskLimit => {
                self.linear_ix(params)?;
                Ok(json!({"category": "linear", "riskId": 1, "riskLimitValue": ""}))
            }
            Endpoint::SetMarginMode => {
                let failed = |text| Refusal {
                    reason: Some(("3400000", text)),
                    ..Refusal::new(3_400_045, "Set margin mode failed")
                };
                let mode = match params.required("setMarginMode")?.as_str() {
                    "ISOLATED_MARGIN" => MarginMode::Isolated,
                    "REGULAR_MARGIN" => MarginMode::Cross,
                    "PORTFOLIO_MARGIN" => return Err(failed("Portfolio margin is not supported")),
                    other => return Err(Refusal::invalid("setMarginMode", other)),
                };
                let (account, scene) = self.acting(account);
                match account.set_margin_mode(&scene, mode) {
                    // What is so already is no failure here.
                    Ok(()) => Ok(json!({"reasons": []})),
                    Err(refusal) if refusal.code == 110_026 => Ok(json!({"reasons": []})),
                    Err(_) => Err(failed("Positions or orders exist")),
                }
            }
            Endpoint::SetLimitPriceAction => {
                self.linear(params)?;
                let moves = params.flag("modifyEnable")?.ok_or_else(|| missing("modifyEnable"))?;
                self.accounts[account].moves_prices = moves;
                Ok(json!({}))
            }
            Endpoint::DemoMoney => Err(Refusal::new(10_024, "demo accounts only")),
            Endpoint::InterTransfer => self.move_money(account, params),
            _ => self.account_question(account, endpoint, params),
        }
    }

    /// What is asked of an account as a whole.
    fn account_question(
        &self,
        account: usize,
        endpoint: Endpoint,
        params: &Params,
    ) -> Result<Value, Refusal> {
        let kept = &self.accounts[account];
        let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
        let cash = || text::money(kept.cash);
        let free = || text::money(kept.wallet(&scene).available);
        let unified = || match params.required("accountType")?.as_str() {
            "UNIFIED" => Ok(true),
            "FUND" => Ok(false),
            _ => Err(Refusal::parameter("accountType only support UNIFIED.")),
        };
        Ok(match endpoint {
            Endpoint::WalletBalance => {
                if !unified()? {
                    return Err(Refusal::parameter("accountType only support UNIFIED."));
                }
                let mut row = wallet_row(&kept.wallet(&scene), "USDT");
                if let Some(coins) = params.text("coin") {
                    let held = row["coin"][0].take();
                    let of = |coin: &str| if coin == "USDT" { held.clone() } else { nothing_of(&held, coin) };
                    row["coin"] = coins.split(',').map(|coin| of(coin.trim())).collect();
                }
                json!({"list": [row]})
            }
            Endpoint::AccountInfo => json!({
                "marginMode": if kept.is_isolated { "ISOLATED_MARGIN" } else { "REGULAR_MARGIN" },
                "updatedTime": text::millis(self.now), "unifiedMarginStatus": 5, "dcpStatus": if kept.dcp_seconds.is_some() { "ON" } else { "OFF" },
                "timeWindow": kept.dcp_seconds.unwrap_or(10), "smpGroup": 0, "isMasterTrader": false, "spotHedgingStatus": "OFF",
            }),
            Endpoint::FeeRate => {
                // ccxt names no category when it asks for all.
                if params.text("category").is_some() {
                    self.linear(params)?;
                }
                let terms = kept.terms;
                let rows: Vec<Value> = self
                    .chosen(params)?
                    .into_iter()
                    .map(|i| {
                        json!({"symbol": self.instruments[i].symbol, "takerFeeRate": terms.taker.to_string(),
                        "makerFeeRate": terms.maker.to_string()})
                    })
                    .collect();
                json!({"list": rows})
            }
            Endpoint::TransactionLog => return self.transaction_log(account, params),
            Endpoint::CollateralInfo => json!({"list": [{"currency": "USDT", "availableToBorrow": "0",
                "freeBorrowingAmount": "", "freeBorrowAmount": "0", "maxBorrowingAmount": "0", "hourlyBorrowRate": "0",
                "borrowUsageRate": "0", "collateralSwitch": true, "borrowAmount": "0", "borrowable": false,
                "otherBorrowAmount": "0", "marginCollateral": true, "freeBorrowingLimit": "0", "collateralRatio": "1"}]}),
            Endpoint::BorrowHistory => json!({"list": [], "nextPageCursor": ""}),
            Endpoint::SmpGroup => json!({"smpGroup": 0}),
            Endpoint::QueryDcp => match kept.dcp_seconds {
                Some(seconds) => {
                    json!({"dcpInfos": [{"product": "DERIVATIVES", "dcpStatus": "ON", "timeWindow": seconds.to_string()}]})
                }
                None => json!({"dcpInfos": []}),
            },
            Endpoint::UserSettings => {
                json!({"lpaSpot": false, "lpaPerp": kept.moves_prices, "smsef": false, "fmsef": false})
            }
            Endpoint::Withdrawal => {
                json!({"availableWithdrawal": free(), "availableWithdrawalMap": {"USDT": free()}})
            }
            Endpoint::AccountInstruments => {
                self.linear(params)?;
                return self.instruments_info(params);
            }
            Endpoint::InterTransfers => self.transfers(kept, params)?,
            Endpoint::QueryApi => self.query_api(kept),
            Endpoint::CoinBalance => {
                let is_unified = unified()?;
                let coin = params.required("coin")?;
                let held = is_unified && coin == "USDT";
                let (wallet, transfer) = match coin == "USDT" {
                    _ if held => (cash(), free()),
                    true => (text::money(kept.fund), text::money(kept.fund)),
                    false => ("0".to_owned(), "0".to_owned()),
                };
                json!({"accountType": params.text("accountType"), "bizType": 1, "accountId": kept.uid.to_string(),
                    "memberId": kept.uid.to_string(), "balance": {"coin": coin, "walletBalance": wallet,
                    "transferBalance": transfer, "bonus": "0", "transferSafeAmount": "", "ltvTransferSafeAmount": ""}})
            }
            Endpoint::CoinsBalance => {
                let is_unified = unified()?;
                let coins = match params.text("coin") {
                    Some(coins) => coins,
                    None if is_unified => return Err(missing("coin")),
                    None => "USDT".to_owned(),
                };
                let rows: Vec<Value> = coins
                    .split(',')
                    .map(|coin| {
                        let held = is_unified && coin == "USDT";
                        let (wallet, transfer) = match coin == "USDT" {
                            _ if held => (cash(), free()),
                            true => (text::money(kept.fund), text::money(kept.fund)),
                            false => ("0".to_owned(), "0".to_owned()),
                        };
                        json!({"coin": coin, "walletBalance": wallet, "transferBalance": transfer, "bonus": ""})
                    })
                    .collect();
                json!({"memberId": kept.uid.to_string(), "accountType": params.text("accountType"), "balance": rows})
            }
            Endpoint::CoinInfo => {
                let coin = params.text("coin").unwrap_or_else(|| "USDT".to_owned());
                json!({"rows": [{"name": coin, "coin": coin, "remainAmount": "1000000", "chains": []}]})
            }
            _ => return Err(Refusal::not_found()),
        })
    }

    fn query_api(&self, kept: &Account) -> Value {
        let trade = if kept.rights.can_trade { vec!["Order"] } else { vec![] };
        let position = if kept.rights.can_change_positions { vec!["Position"] } else { vec![] };
        let contract: Vec<&str> = trade.into_iter().chain(position).collect();
        let wallet: Vec<&str> = if kept.rights.can_move_money { vec!["AccountTransfer"] } else { vec![] };
        let mut addresses: Vec<String> = kept.addresses.iter().map(ToString::to_string).collect();
        if addresses.is_empty() {
            addresses.push("*".to_owned());
        }
        json!({
            "id": kept.uid.to_string(), "note": "loopback", "apiKey": kept.key,
            "readOnly": u8::from(!kept.rights.can_trade && !kept.rights.can_change_positions), "secret": "",
            "permissions": {"ContractTrade": contract, "Spot": [], "Wallet": wallet, "Options": [],
                "Derivatives": [], "CopyTrading": [], "BlockTrade": [], "Exchange": [], "NFT": [], "Affiliate": [], "Earn": []},
            "ips": addresses, "type": 1, "deadlineDay": 90, "expiredAt": "2099-01-01T00:00:00Z",
            "createdAt": "2024-01-01T00:00:00Z", "unified": 0, "uta": 1, "userID": kept.uid, "inviterID": 0,
            "vipLevel": "No VIP", "mktMakerLevel": "0", "affiliateID": 0, "rsaPublicKey": "", "isMaster": true,
            "parentUid": "0", "kycLevel": "LEVEL_DEFAULT", "kycRegion": "",
        })
    }

    fn linear_ix(&self, params: &Params) -> Result<InstrumentIx, Refusal> {
        self.linear(params)?;
        Ok(self.ix(self.market_of(params)?))
    }

    /// One item of a batch, or a request of its own.
    pub(super) fn batch_item(
        &mut self,
        account: usize,
        endpoint: Endpoint,
        params: &Params,
    ) -> Result<Placed, Refusal> {
        let endpoint = match endpoint {
            Endpoint::CreateBatch => Endpoint::Create,
            Endpoint::AmendBatch => Endpoint::Amend,
            _ => Endpoint::Cancel,
        };
        self.batch_item_of(account, endpoint, params, true)
    }

    fn batch_item_of(
        &mut self,
        account: usize,
        endpoint: Endpoint,
        params: &Params,
        is_batch: bool,
    ) -> Result<Placed, Refusal> {
        let ix = self.linear_ix(params)?;
        if endpoint == Endpoint::Create {
            let asked = self.read_order(account, ix, params)?;
            let is_market = matches!(asked.kind, OrderKind::Market);
            let bound = asked.slippage.and_then(|slippage| {
                let best =
                    self.shown(ix.index(), asked.side.opposite(), 1).first().map(|(price, _)| *price)?;
                Some(slippage.bound(best, asked.side, &self.instruments[ix.index()]))
            });
            let hidden = if is_market { self.hide(account, ix, asked.side) } else { Vec::new() };
            let (kept, scene) = self.acting(account);
            let placed = kept.create(&scene, ix, (&asked, bound));
            self.show(account, ix, hidden);
            return placed;
        }
        let (kept, scene) = self.acting(account);
        let of = &scene.instruments[ix.index()];
        match endpoint {
            Endpoint::Amend => {
                let name = OrderName::read(params)?;
                let asked = AmendOrder::read(params, of)?;
                kept.amend(&scene, ix, &name, &asked, is_batch)
            }
            _ => kept.cancel(&scene, ix, &OrderName::read(params)?),
        }
    }

    /// Reads a new order: with the price of a level of the book where it asks for one.
    fn read_order(
        &mut self,
        account: usize,
        ix: InstrumentIx,
        params: &Params,
    ) -> Result<CreateOrder, Refusal> {
        let of = &self.instruments[ix.index()];
        let choices = &self.choices;
        let is_strict = choices.is_flipped(Open::OffStep);
        if is_strict && params.text("qty").is_some_and(|quantity| !is_on_step(&quantity, of)) {
            return Err(Refusal::parameter("Qty invalid"));
        }
        let says = |name: &str| params.text(name).is_some_and(|text| text != "0");
        if choices.is_flipped(Open::TriggerDirection) && says("triggerPrice") && !says("triggerDirection") {
            return Err(missing("triggerDirection"));
        }
        let priced = match self.level_asked_for(ix, params)? {
            Some(price) => params.clone().with("price", &text::price(price, of)),
            None => params.clone(),
        };
        let (_, scene) = self.acting(account);
        let of = &scene.instruments[ix.index()];
        CreateOrder::read(&priced, of, |by| Some(scene.watched(ix, by)))
    }

    /// `bboSideType` and `bboLevel`: the price of a level of the own side (`Queue`) or of the other (`Counterparty`).
    fn level_asked_for(&self, ix: InstrumentIx, params: &Params) -> Result<Option<Price>, Refusal> {
        let Some(word) = params.word("bboSideType", &["Queue", "Counterparty"])? else { return Ok(None) };
        if params.text("orderType").as_deref() != Some("Limit") {
            return Err(Refusal::parameter("params error: bboSideType is for limit orders"));
        }
        let level = params.int("bboLevel")?.unwrap_or(1);
        let depth = usize::try_from(level).ok().filter(|level| (1..=5).contains(level));
        let depth = depth.ok_or_else(|| Refusal::invalid("bboLevel", &level.to_string()))?;
        let own = if params.text("side").as_deref() == Some("Sell") { Side::Sell } else { Side::Buy };
        let side = if word == "Queue" { own } else { own.opposite() };
        let levels = self.shown(ix.index(), side, depth);
        let level =
            levels.last().ok_or_else(|| Refusal::new(110_118, "No market price: the book is empty"))?;
        Ok(Some(level.0))
    }

    /// Money goes from the trading to the funding account of a user, or back.
    fn move_money(&mut self, account: usize, params: &Params) -> Result<Value, Refusal> {
        let id = params.required("transferId")?;
        let is_uuid = id.len() == 36 && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        if !is_uuid {
            return Err(Refusal::invalid("transferId", &id));
        }
        if params.required("coin")? != "USDT" {
            return Err(Refusal::new(131_212, "Insufficient balance"));
        }
        let text = params.required("amount")?;
        let amount = Amount::parse(&text).ok().filter(|amount| amount.is_positive());
        let amount = amount.ok_or_else(|| Refusal::invalid("amount", &text))?;
        let kinds = ["UNIFIED", "FUND"];
        let from = params.word("fromAccountType", &kinds)?.ok_or_else(|| missing("fromAccountType"))?;
        let to = params.word("toAccountType", &kinds)?.ok_or_else(|| missing("toAccountType"))?;
        if from == to {
            return Err(Refusal::invalid("toAccountType", to));
        }
        let (kept, scene) = self.acting(account);
        if kept.transfers.iter().any(|known| known.id == id) {
            return Err(Refusal::new(10_014, "transferId is duplicated"));
        }
        let is_out = to == "FUND";
        let change = if is_out { -amount } else { amount };
        if !is_out && amount > kept.fund {
            return Err(Refusal::new(131_212, "Insufficient balance"));
        }
        kept.deposit(&scene, change).map_err(|_| Refusal::new(131_212, "Insufficient balance"))?;
        kept.fund -= change;
        kept.transfers.push(Transfer { id: id.clone(), is_out, amount, at: scene.now });
        Ok(json!({"transferId": id, "status": "SUCCESS"}))
    }

    fn transfers(&self, kept: &Account, params: &Params) -> Result<Value, Refusal> {
        let most = self.limit(params, 20, 50)?;
        let window = Window::read(params, self.now.millis(), 7, 7)?;
        let (id, coin, status) = (params.text("transferId"), params.text("coin"), params.text("status"));
        let rows: Vec<_> = (1u64..)
            .zip(&kept.transfers)
            .filter(|(_, one)| {
                id.as_ref().is_none_or(|id| *id == one.id)
                    && coin.as_ref().is_none_or(|coin| coin == "USDT")
                    && status.as_ref().is_none_or(|status| status == "SUCCESS")
                    && window.holds(one.at.millis())
            })
            .map(|(n, one)| {
                let (from, to) = if one.is_out { ("UNIFIED", "FUND") } else { ("FUND", "UNIFIED") };
                let row = json!({"transferId": one.id, "coin": "USDT", "amount": text::money(one.amount),
                    "fromAccountType": from, "toAccountType": to, "timestamp": text::millis(one.at),
                    "status": "SUCCESS"});
                (n, row)
            })
            .collect();
        let page = Page::of(rows.into_iter().rev(), Cursor::read(params)?, most);
        Ok(json!({"list": page.rows, "nextPageCursor": page.next}))
    }

    fn cancel_all(&mut self, account: usize, params: &Params) -> Result<Value, Refusal> {
        self.linear(params)?;
        let scope = Scope::read(params)?;
        let meant = self.meant(params)?;
        let (kept, scene) = self.acting(account);
        let ended = kept.cancel_many(&scene, |ix| meant.contains(&ix), scope);
        let rows: Vec<Value> =
            ended.iter().map(|placed| json!({"orderId": placed.id, "orderLinkId": placed.link})).collect();
        Ok(json!({"list": rows, "success": "1"}))
    }

    /// The instruments of `symbol`, `baseCoin` or `settleCoin`, one of which has to be there.
    fn meant(&self, params: &Params) -> Result<Vec<InstrumentIx>, Refusal> {
        let all = || (0..self.markets.len()).map(|i| self.ix(i));
        if params.text("symbol").is_some() {
            return Ok(vec![self.ix(self.market_of(params)?)]);
        }
        if let Some(base) = params.text("baseCoin") {
            return Ok(all().filter(|ix| self.instruments[ix.index()].base == base).collect());
        }
        match params.text("settleCoin") {
            Some(coin) => Ok(all().filter(|ix| self.instruments[ix.index()].quote == coin).collect()),
            None => Err(Refusal::parameter(
                "Missing some parameters that must be filled in, symbol or settleCoin or baseCoin",
            )),
        }
    }

    /// The same where nothing means all.
    fn meant_or_all(&self, params: &Params) -> Result<Vec<InstrumentIx>, Refusal> {
        let is_said = ["symbol", "baseCoin", "settleCoin"].iter().any(|name| params.text(name).is_some());
        if is_said { self.meant(params) } else { Ok((0..self.markets.len()).map(|i| self.ix(i)).collect()) }
    }

    /// One market by symbol, or all.
    fn chosen(&self, params: &Params) -> Result<Vec<usize>, Refusal> {
        match params.text("symbol") {
            Some(_) => Ok(vec![self.market_of(params)?]),
            None => Ok((0..self.markets.len()).collect()),
        }
    }

    fn pre_check(&mut self, account: usize, params: &Params) -> Result<Value, Refusal> {
        let ix = self.linear_ix(params)?;
        let asked = self.read_order(account, ix, params)?;
        let (kept, scene) = self.acting(account);
        let of = &scene.instruments[ix.index()];
        if asked.kind.is_conditional() {
            return Err(Refusal::parameter("conditional orders cannot be checked"));
        }
        let before = kept.wallet(&scene);
        let price = asked.kind.limit().unwrap_or(scene.glance(ix).last);
        let value = of.notional(price, asked.quantity);
        let leverage = kept.venue.leverage(ix, asked.side);
        let margin = venue::initial_margin(value, leverage);
        let needed = of.tier(value).maintenance_rate;
        let share = |amount: Amount| {
            let equity = before.cash + before.unrealised;
            if !equity.is_positive() {
                return 0;
            }
            let share = amount.mul_div(10_000, equity.units(), units::Rounding::HalfEven);
            i64::try_from(share.units()).unwrap_or(0)
        };
        let initial = before.position_margin + before.order_margin;
        let maintenance = value.times_rate(needed, units::Rounding::Up);
        if margin > before.available {
            return Err(Refusal::new(110_007, "ab not enough for new order"));
        }
        Ok(json!({"orderId": kept.uuid(), "orderLinkId": asked.link, "preImrE4": share(initial),
            "preMmrE4": share(before.maintenance), "postImrE4": share(initial + margin),
            "postMmrE4": share(before.maintenance + maintenance)}))
    }

    fn page_of_orders<'a>(
        &self,
        orders: impl Iterator<Item = (u64, &'a Kept)>,
        params: &Params,
    ) -> Result<Value, Refusal> {
        let most = self.limit(params, 20, 50)?;
        let rows =
            orders.map(|(n, kept)| (n, order_row(&kept.order, &self.instruments[kept.ix.index()], false)));
        let page = Page::of(rows, Cursor::read(params)?, most);
        Ok(json!({"list": page.rows, "nextPageCursor": page.next, "category": "linear"}))
    }

    fn open_orders(&self, account: usize, params: &Params) -> Result<Value, Refusal> {
        self.linear(params)?;
        let kept = &self.accounts[account];
        if let Ok(name) = OrderName::read(params) {
            let found: Vec<_> = kept.orders().filter(|(_, kept)| is_called(kept, &name)).take(1).collect();
            return self.page_of_orders(found.into_iter(), params);
        }
        let meant = self.meant(params)?;
        let filter = params.word(
            "orderFilter",
            &["Order", "StopOrder", "tpslOrder", "OcoOrder", "BidirectionalTpslOrder", "OpenOrder"],
        )?;
        let is_kind = |kept: &Kept| match filter {
            Some("Order") => kept.order.stop_type.is_empty(),
            Some("StopOrder") => !kept.order.stop_type.is_empty(),
            _ => true,
        };
        let is_meant = |(_, kept): &(u64, &Kept)| meant.contains(&kept.ix) && is_kind(kept);
        if params.int("openOnly")?.unwrap_or(0) == 1 {
            let ended = kept.orders().filter(|(_, kept)| !kept.order.status.is_open()).take(LATELY);
            return self.page_of_orders(ended.filter(is_meant), params);
        }
        self.page_of_orders(kept.open_orders().filter(is_meant), params)
    }

    fn order_history(&self, account: usize, params: &Params) -> Result<Value, Refusal> {
        self.linear(params)?;
        let meant = self.meant_or_all(params)?;
        let window = Window::read(params, self.now.millis(), 7, 7)?;
        let status = params.text("orderStatus");
        if let Some(status) = &status
            && !["Filled", "Cancelled", "Rejected", "Deactivated", "PartiallyFilledCanceled"]
                .contains(&status.as_str())
        {
            return Err(Refusal::new(181_017, "OrderStatus must be final status"));
        }
        let filter = params.word("orderFilter", &["Order", "StopOrder", "tpslOrder"])?;
        let name = OrderName::read(params).ok();
        let is_meant = |(_, kept): &(u64, &Kept)| {
            let order = &kept.order;
            !order.status.is_open()
                && meant.contains(&kept.ix)
                && name.as_ref().is_none_or(|name| is_called(kept, name))
                && (name.is_some() || window.holds(order.created.millis()))
                && status.as_ref().is_none_or(|status| status == order.status.text())
                && match filter {
                    Some("Order") => order.stop_type.is_empty(),
                    Some(_) => !order.stop_type.is_empty(),
                    None => true,
                }
        };
        self.page_of_orders(self.accounts[account].orders().filter(is_meant), params)
    }

    fn executions(&self, account: usize, params: &Params) -> Result<Value, Refusal> {
        self.linear(params)?;
        let meant = self.meant_or_all(params)?;
        let window = Window::read(params, self.now.millis(), 7, 7)?;
        let most = self.limit(params, 50, 100)?;
        let (id, link, kind) = (params.text("orderId"), params.text("orderLinkId"), params.text("execType"));
        let rows = (1u64..).zip(&self.accounts[account].executions).map(|(n, (ix, e))| (n, *ix, e));
        let rows: Vec<_> = rows
            .filter(|(_, ix, e)| {
                meant.contains(ix)
                    && window.holds(e.at.millis())
                    && id.as_ref().is_none_or(|id| *id == e.order_id)
                    && link.as_ref().is_none_or(|link| *link == e.link)
                    && kind.as_ref().is_none_or(|kind| kind == e.kind)
            })
            .map(|(n, ix, e)| (n, execution_row(e, &self.instruments[ix.index()], false)))
            .collect();
        let page = Page::of(rows.into_iter().rev(), Cursor::read(params)?, most);
        Ok(json!({"nextPageCursor": page.next, "category": "linear", "list": page.rows}))
    }

    fn positions(&self, account: usize, params: &Params) -> Result<Value, Refusal> {
        self.linear(params)?;
        let kept = &self.accounts[account];
        let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
        let most = self.limit(params, 20, 200)?;
        let is_by_symbol = params.text("symbol").is_some();
        let meant = self.meant(params)?;
        let rows =
            meant.iter().rev().flat_map(|ix| kept.sides(*ix).iter().rev().map(move |side| (*ix, *side)));
        let rows = rows
            .map(|(ix, side)| (ix, kept.position(&scene, ix, side)))
            .filter(|(_, position)| is_by_symbol || position.side.is_some())
            .map(|(ix, position)| {
                let number =
                    u64::from(ix.0) * 3 + u64::try_from(position.position_side.index()).unwrap_or(0) + 1;
                (number, position_row(&position, &self.instruments[ix.index()]))
            });
        let mut rows: Vec<_> = rows.collect();
        if is_by_symbol {
            // The long side of hedge mode comes first.
            rows.reverse();
            let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
            return Ok(json!({"list": rows, "nextPageCursor": "", "category": "linear"}));
        }
        let page = Page::of(rows.into_iter(), Cursor::read(params)?, most);
        Ok(json!({"list": page.rows, "nextPageCursor": page.next, "category": "linear"}))
    }

    fn closed_pnl(&self, account: usize, params: &Params) -> Result<Value, Refusal> {
        self.linear(params)?;
        let meant = self.meant_or_all(params)?;
        let window = Window::read(params, self.now.millis(), 7, 7)?;
        let most = self.limit(params, 50, 100)?;
        let rows: Vec<_> = (1u64..)
            .zip(&self.accounts[account].closed)
            .filter(|(_, (ix, _, row))| meant.contains(ix) && window.holds(row.updated.millis()))
            .map(|(n, (ix, _, row))| (n, closed_pnl_row(row, &self.instruments[ix.index()])))
            .collect();
        let page = Page::of(rows.into_iter().rev(), Cursor::read(params)?, most);
        Ok(json!({"nextPageCursor": page.next, "category": "linear", "list": page.rows}))
    }

    fn transaction_log(&self, account: usize, params: &Params) -> Result<Value, Refusal> {
        if params.text("accountType").is_some_and(|kind| kind != "UNIFIED") {
            return Err(Refusal::parameter("accountType only support UNIFIED."));
        }
        let window = Window::read(params, self.now.millis(), 1, 7)?;
        let most = self.limit(params, 20, 50)?;
        let (category, currency, kind) =
            (params.text("category"), params.text("currency"), params.text("type"));
        let base = params.text("baseCoin");
        let of_base = |symbol: &str| self.find(symbol).map(|i| self.instruments[i].base.clone());
        let rows: Vec<_> = (1u64..)
            .zip(&self.accounts[account].log)
            .filter(|(_, entry)| {
                window.holds(entry.at.millis())
                    && category.as_ref().is_none_or(|c| entry.symbol.is_some() == (c == "linear"))
                    && currency.as_ref().is_none_or(|c| *c == entry.currency)
                    && kind.as_ref().is_none_or(|kind| kind == entry.kind)
                    && base.as_ref().is_none_or(|base| {
                        entry.symbol.as_deref().and_then(of_base).is_some_and(|of| of == *base)
                    })
            })
            .map(|(n, entry)| (n, log_row(entry)))
            .collect();
        let page = Page::of(rows.into_iter().rev(), Cursor::read(params)?, most);
        Ok(json!({"nextPageCursor": page.next, "list": page.rows}))
    }
}

/// A coin of which there is nothing, shown as the one that there is.
fn nothing_of(held: &Value, coin: &str) -> Value {
    let mut row = held.clone();
    for (name, value) in row.as_object_mut().into_iter().flatten() {
        if value.as_str().is_some_and(|text| !text.is_empty()) {
            *value = if name == "coin" { coin.into() } else { "0".into() };
        }
    }
    row
}

fn missing(name: &str) -> Refusal {
    Refusal::parameter(format!("params error: {name} is required"))
}

fn idx_of(params: &Params) -> Result<u8, Refusal> {
    let idx = params.int("positionIdx")?.unwrap_or(0);
    u8::try_from(idx)
        .ok()
        .filter(|idx| *idx <= 2)
        .ok_or_else(|| Refusal::invalid("positionIdx", &idx.to_string()))
}

fn is_called(kept: &Kept, name: &OrderName) -> bool {
    match name {
        OrderName::Id(id) => kept.order.id == *id,
        OrderName::Link(link) => kept.order.link == *link,
    }
}
