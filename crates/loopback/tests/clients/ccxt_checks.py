"""ccxt and ccxt.pro, unchanged but for the address, against the exchange on localhost."""

import asyncio
import logging
import sys
import time

import ccxt
import ccxt.pro

from checks import Admin, Checks

address, key, secret = sys.argv[1:4]
logging.disable(logging.CRITICAL)
checks, admin = Checks(), Admin(address)
BTC, ETH, XRP = "BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT"


def pointed(exchange):
    for name in exchange.urls["api"]:
        if name != "ws":
            exchange.urls["api"][name] = f"http://{address}"
    if "ws" in exchange.urls["api"]:
        base = f"ws://{address}/v5"
        exchange.urls["api"]["ws"] = {
            "public": {name: f"{base}/public/{name}" for name in ("spot", "linear", "inverse", "option")},
            "private": {"spot": {"unified": f"{base}/private", "nonUnified": f"{base}/private"},
                        "contract": f"{base}/private", "usdc": f"{base}/private", "trade": f"{base}/trade"},
        }
    return exchange


OPTIONS = {"apiKey": key, "secret": secret, "options": {"defaultType": "swap"}}
x = pointed(ccxt.bybit(dict(OPTIONS)))


def refused(kind, name, call, *terms, **more):
    try:
        answer = call(*terms, **more)
        checks.that(False, name, f"accepted: {answer}")
    except ccxt.BaseError as error:
        checks.that(isinstance(error, kind), name, f"{type(error).__name__}: {error}")


def last(symbol=BTC):
    return x.fetch_ticker(symbol)["last"]


def rest(price=None, amount=0.01, **params):
    return x.create_order(BTC, "limit", "buy", amount, price or round(last() * 0.9), params)


def position(symbol=BTC):
    return x.fetch_position(symbol)


def size(symbol=BTC):
    return float(position(symbol)["contracts"] or 0)


def flat(symbol=BTC):
    x.cancel_all_orders(symbol)
    held = position(symbol)
    if held["contracts"]:
        side = "sell" if held["side"] == "long" else "buy"
        x.create_order(symbol, "market", side, held["contracts"], None, {"reduceOnly": True})


def markets():
    loaded = x.load_markets()
    checks.equal(set(loaded), {BTC, ETH, "SOL/USDT:USDT", XRP}, "markets")
    market = x.market(BTC)
    checks.equal((market["swap"], market["linear"], market["settle"], market["active"]), (True, True, "USDT", True), "a swap")
    checks.equal((market["precision"]["price"], market["precision"]["amount"]), (0.1, 0.001), "tick and step")
    checks.equal(market["limits"]["leverage"]["max"], 100, "leverage")
    checks.equal(market["limits"]["cost"]["min"], 5, "the least value")
    checks.near(x.fetch_time(), time.time() * 1000, "the time", 2_000)
    ticker = x.fetch_ticker(BTC)
    checks.that(ticker["bid"] < ticker["ask"] and ticker["low"] <= ticker["last"] <= ticker["high"], "a ticker", f"{ticker}")
    checks.equal(set(x.fetch_tickers([BTC, ETH])), {BTC, ETH}, "tickers")
    checks.equal(x.fetch_bids_asks([BTC])[BTC]["bid"], ticker["bid"], "bids and asks")
    book = x.fetch_order_book(BTC, 50)
    checks.equal((len(book["bids"]), len(book["asks"])), (50, 50), "a book")
    checks.that(book["bids"][0][0] < book["asks"][0][0] and book["timestamp"], "in order, dated")
    trades = x.fetch_trades(BTC, limit=5)
    checks.that(0 < len(trades) <= 5 and trades[0]["side"] in ("buy", "sell"), "trades")
    interest = x.fetch_open_interest(BTC, {"interval": "1h"})
    checks.that(interest["openInterestAmount"] > 0, "open interest", f"{interest}")
    checks.that(len(x.fetch_open_interest_history(BTC, "1h", limit=5)) == 5, "open interest over time")
    rate = x.fetch_funding_rate(BTC)
    checks.that(abs(rate["fundingRate"]) < 0.01 and rate["markPrice"] > 0 and rate["fundingTimestamp"], "a funding rate")
    history = x.fetch_funding_rate_history(BTC, limit=4)
    checks.equal([b["timestamp"] - a["timestamp"] for a, b in zip(history, history[1:])], [28_800_000] * 3, "funding rates")
    tiers = x.fetch_market_leverage_tiers(BTC)
    checks.that(tiers[0]["maxLeverage"] == 100 and len(tiers) == 4, "leverage tiers", f"{tiers}")
    checks.that(len(x.fetch_long_short_ratio_history(BTC, "1h", limit=3)) == 3, "long and short")


def candles():
    rows = x.fetch_ohlcv(BTC, "5m", limit=1000)
    checks.equal(len(rows), 1000, "a thousand candles")
    checks.that(all(b[0] - a[0] == 300_000 for a, b in zip(rows, rows[1:])), "oldest first, without a gap")
    since = rows[-1][0] - 2_500 * 300_000
    paged, cursor = [], since
    while len(paged) < 2_400:
        page = x.fetch_ohlcv(BTC, "5m", since=cursor, limit=800)
        paged += page
        cursor = page[-1][0] + 300_000
    starts = [row[0] for row in paged]
    checks.equal(starts[0], since, "the first page begins where it was asked to")
    checks.equal(starts, list(range(since, since + 300_000 * len(paged), 300_000)), "pages join")
    checks.that(all(row[3] <= min(row[1], row[4]) <= max(row[1], row[4]) <= row[2] for row in paged), "candles are possible")
    for frame in ("1m", "15m", "1h", "4h", "1d"):
        checks.that(len(x.fetch_ohlcv(BTC, frame, limit=5)) >= 5, f"candles of {frame}")
    checks.equal(len(x.fetch_mark_ohlcv(BTC, "1h", limit=3)), 3, "mark candles")
    checks.equal(len(x.fetch_index_ohlcv(BTC, "1h", limit=3)), 3, "index candles")
    checks.equal(len(x.fetch_premium_index_ohlcv(BTC, "1h", limit=3)), 3, "premium candles")
    until = x.fetch_ohlcv(BTC, "1h", limit=2, params={"until": rows[0][0]})
    checks.that(until[-1][0] <= rows[0][0], "candles until a moment")


def authentication():
    wrong = pointed(ccxt.bybit({**OPTIONS, "secret": "wrong"}))
    wrong.set_markets(x.markets)
    refused(ccxt.AuthenticationError, "a wrong secret", wrong.fetch_balance)
    nobody = pointed(ccxt.bybit({**OPTIONS, "apiKey": "nobody"}))
    nobody.set_markets(x.markets)
    refused(ccxt.AuthenticationError, "a key that is not known", nobody.fetch_balance)
    late = pointed(ccxt.bybit(dict(OPTIONS)))
    late.set_markets(x.markets)
    late.nonce = lambda: int(time.time() * 1000) - 60_000
    refused(ccxt.InvalidNonce, "a clock that is behind", late.fetch_balance)
    late.nonce = lambda: int(time.time() * 1000) + 5_000
    refused(ccxt.InvalidNonce, "a clock that is ahead", late.fetch_balance)
    admin("POST", "/admin/key", key=key, trade=False)
    refused(ccxt.PermissionDenied, "a key that may not trade", rest)
    admin("POST", "/admin/key", key=key, trade=True)
    admin("POST", "/admin/key", key=key, refuse=10010)
    refused(ccxt.PermissionDenied, "an address that is not bound", x.fetch_balance)
    admin("POST", "/admin/key", key=key, refuse=None)
    quick = pointed(ccxt.bybit({**OPTIONS, "enableRateLimit": False}))
    quick.set_markets(x.markets)

    def hurry():
        for _ in range(20):
            quick.fetch_trading_fee(BTC)

    refused(ccxt.RateLimitExceeded, "too many requests", hurry)
    time.sleep(1.1)


def account():
    balance = x.fetch_balance()
    checks.equal(balance["USDT"]["total"], 100_000, "the money at the start")
    checks.equal(balance["total"], {"USDT": 100_000}, "and nothing else")
    fee = x.fetch_trading_fee(BTC)
    checks.equal((fee["maker"], fee["taker"]), (0.0002, 0.00055), "fees")
    checks.equal(set(x.fetch_trading_fees()), {BTC, ETH, "SOL/USDT:USDT", XRP}, "all fees")
    x.set_leverage(20, BTC)
    checks.equal(x.fetch_leverage(BTC)["longLeverage"], 20, "leverage is set")
    refused(ccxt.BadRequest, "the same leverage", x.set_leverage, 20, BTC)
    refused(ccxt.BadRequest, "too much leverage", x.set_leverage, 101, BTC)
    x.set_leverage(10, BTC)
    x.set_margin_mode("isolated")
    checks.equal(x.private_get_v5_account_info()["result"]["marginMode"], "ISOLATED_MARGIN", "isolated margin")
    x.set_margin_mode("cross")
    checks.equal(x.private_get_v5_account_info()["result"]["marginMode"], "REGULAR_MARGIN", "cross margin")
    x.set_position_mode(True, BTC)
    checks.equal(len(x.private_get_v5_position_list({"category": "linear", "symbol": "BTCUSDT"})["result"]["list"]), 2, "hedge mode")
    x.set_position_mode(False, BTC)
    refused(ccxt.ExchangeError, "the same mode", x.set_position_mode, False, BTC)


def life():
    made = rest(clientOrderId="life-1")
    found = x.fetch_open_order(made["id"], BTC)
    checks.equal((found["status"], found["type"], found["side"], found["remaining"], found["clientOrderId"]),
                 ("open", "limit", "buy", 0.01, "life-1"), "it rests")
    checks.equal([o["id"] for o in x.fetch_open_orders(BTC)], [made["id"]], "it is open")
    x.edit_order(made["id"], BTC, "limit", "buy", 0.02, round(last() * 0.91))
    checks.equal(x.fetch_open_order(made["id"], BTC)["amount"], 0.02, "it is amended")
    x.cancel_order(made["id"], BTC)
    closed = x.fetch_canceled_orders(BTC)[-1]
    checks.equal((closed["id"], closed["status"]), (made["id"], "canceled"), "it is cancelled")
    refused(ccxt.OrderNotFound, "cancelled again", x.cancel_order, made["id"], BTC)
    refused(ccxt.OrderNotFound, "an order that is none", x.cancel_order, "no-such-order", BTC)
    for n in range(3):
        rest(clientOrderId=f"many-{n}")
    checks.equal(len(x.fetch_open_orders(BTC)), 3, "three are open")
    checks.equal(len(x.fetch_open_orders(BTC, limit=2)), 2, "two were asked for")
    x.cancel_all_orders(BTC)
    checks.equal(x.fetch_open_orders(BTC), [], "none is open")
    checks.that(len(x.fetch_canceled_and_closed_orders(BTC)) >= 4, "they are history")
    created = x.create_orders([{"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": round(last() * 0.9)}
                               for _ in range(3)])
    checks.equal(len({o["id"] for o in created}), 3, "three at once")
    gone = x.cancel_orders([o["id"] for o in created], BTC)
    checks.equal(len(gone), 3, "ended at once")


def fills():
    flat()
    before = x.fetch_balance()["USDT"]["total"]
    made = x.create_order(BTC, "market", "buy", 0.1)
    found = x.fetch_closed_orders(BTC)[-1]
    checks.equal((found["id"], found["status"], found["filled"], found["remaining"]), (made["id"], "closed", 0.1, 0), "a market order")
    held = position()
    checks.equal((held["side"], held["contracts"], held["leverage"]), ("long", 0.1, 10), "a position")
    checks.near(held["entryPrice"], found["average"], "its entry")
    checks.that(held["liquidationPrice"] is None or held["liquidationPrice"] < held["entryPrice"], "its liquidation price")
    mine = [t for t in x.fetch_my_trades(BTC) if t["order"] == made["id"]]
    fee = sum(t["fee"]["cost"] for t in mine)
    checks.near(fee, sum(t["cost"] for t in mine) * 0.00055, "the taker's fee")
    checks.equal({(t["takerOrMaker"], t["fee"]["currency"]) for t in mine}, {("taker", "USDT")}, "my trades")
    checks.near(x.fetch_balance()["USDT"]["total"], before - fee + float(position()["unrealizedPnl"] or 0), "the wallet pays", 5)
    of_order = x.fetch_order_trades(made["id"], BTC)
    checks.equal(len(of_order), len(mine), "trades of an order")
    checks.equal([p["symbol"] for p in x.fetch_positions()], [BTC], "positions")
    x.create_order(BTC, "market", "sell", 0.04, None, {"reduceOnly": True})
    checks.equal(size(), 0.06, "reduced")
    closed = x.fetch_positions_history([BTC])[0]
    checks.that(closed["symbol"] == BTC and closed["realizedPnl"] is not None, "closed profit", f"{closed}")
    ledger = x.fetch_ledger("USDT")
    checks.that(any(entry["type"] == "trade" for entry in ledger), "the ledger")
    bid = x.fetch_order_book(BTC, 1)["bids"][0][0]
    resting = x.create_order(BTC, "limit", "buy", 0.02, bid - 5)
    admin.price("BTCUSDT", f"{bid - 40:.1f}")
    maker = x.fetch_order_trades(resting["id"], BTC)[0]
    checks.equal((maker["takerOrMaker"], maker["price"]), ("maker", bid - 5), "a maker's fill")
    checks.near(maker["fee"]["cost"], maker["cost"] * 0.0002, "the maker's fee")
    flat()
    checks.equal(size(), 0, "flat")


def refusals():
    price = last()
    low = round(price * 0.9)
    order = x.create_order
    refused(ccxt.InvalidOrder, "below the smallest quantity", order, BTC, "limit", "buy", 0.0001, low)
    refused(ccxt.ExchangeError, "above the largest quantity", order, BTC, "limit", "buy", 5_000, low)
    refused(ccxt.InsufficientFunds, "beyond the margin", order, BTC, "limit", "buy", 50, low)
    refused(ccxt.ExchangeError, "nothing to reduce", order, BTC, "limit", "sell", 0.01, round(price * 1.04), {"reduceOnly": True})
    refused(ccxt.ExchangeError, "worth too little", order, XRP, "limit", "buy", 1, 0.6)
    refused(ccxt.ExchangeError, "a wrong index", order, BTC, "limit", "buy", 0.01, low, {"positionIdx": 1})
    refused(ccxt.ExchangeError, "a trigger that is passed", order, BTC, "market", "buy", 0.01, None,
            {"triggerPrice": low, "triggerDirection": "ascending"})
    refused(ccxt.BadSymbol, "a symbol that is none", order, "NO/USDT:USDT", "limit", "buy", 1, 1)
    rest(clientOrderId="twice")
    refused(ccxt.ExchangeError, "the same name twice", rest, clientOrderId="twice")
    ask = x.fetch_order_book(BTC, 1)["asks"][0][0]
    post = order(BTC, "limit", "buy", 0.01, ask + 10, {"postOnly": True})
    ended = {o["id"]: o for o in x.fetch_canceled_orders(BTC)}
    checks.equal(ended[post["id"]]["status"], "canceled", "post-only that would take")
    immediate = order(BTC, "limit", "buy", 0.01, low, {"timeInForce": "IOC"})
    checks.that(immediate["id"] in {o["id"] for o in x.fetch_canceled_orders(BTC)}, "immediate or cancel")
    whole = order(BTC, "limit", "buy", 0.01, low, {"timeInForce": "FOK"})
    checks.that(whole["id"] in {o["id"] for o in x.fetch_canceled_orders(BTC)}, "fill or kill")
    flat()


def guards():
    flat()
    price = last()
    x.create_order(BTC, "market", "buy", 0.05, None, {"takeProfit": {"triggerPrice": round(price * 1.05)},
                                                       "stopLoss": {"triggerPrice": round(price * 0.95)}})
    held = position()
    checks.equal((held["takeProfitPrice"], held["stopLossPrice"]), (round(price * 1.05), round(price * 0.95)), "stop and target")
    legs = x.fetch_open_orders(BTC, params={"trigger": True})
    checks.equal({o["info"]["stopOrderType"] for o in legs}, {"TakeProfit", "StopLoss"}, "they are orders")
    checks.equal({o["reduceOnly"] for o in legs}, {True}, "that only reduce")
    admin.price("BTCUSDT", f"{round(price * 1.06)}")
    checks.equal(size(), 0, "the target closes the position")
    price = last()
    x.create_order(BTC, "market", "sell", 0.05)
    x.create_order(BTC, "market", "buy", 0.05, None, {"stopLossPrice": round(price * 1.02), "reduceOnly": True, "tradingStopEndpoint": True})
    stops = x.fetch_open_orders(BTC, params={"trigger": True})
    checks.equal([(o["info"]["stopOrderType"], o["triggerPrice"]) for o in stops], [("PartialStopLoss", round(price * 1.02))], "a stop by trading-stop")
    admin.price("BTCUSDT", f"{round(price * 1.03)}")
    checks.equal(size(), 0, "it closes the short")
    price = last()
    x.create_order(BTC, "market", "buy", 0.05)
    x.create_order(BTC, "market", "sell", 0.05, None, {"trailingAmount": 400, "reduceOnly": True})
    checks.equal(float(position()["info"]["trailingStop"]), 400, "a trailing stop")
    admin.price("BTCUSDT", f"{round(price + 900)}")
    admin.price("BTCUSDT", f"{round(price + 450)}")
    checks.equal(size(), 0, "it follows and closes")
    price = last()
    up = x.create_order(BTC, "market", "buy", 0.01, None, {"triggerPrice": round(price * 1.02), "triggerDirection": "ascending"})
    waiting = x.fetch_open_order(up["id"], BTC, {"trigger": True})
    checks.equal((waiting["status"], waiting["triggerPrice"]), ("open", round(price * 1.02)), "a conditional order")
    admin.price("BTCUSDT", f"{round(price * 1.021)}")
    checks.equal(size(), 0.01, "it is triggered")
    down = x.create_order(BTC, "limit", "sell", 0.01, round(last() * 0.95), {"triggerPrice": round(last() * 0.96), "triggerDirection": "descending"})
    x.cancel_order(down["id"], BTC, {"trigger": True})
    checks.that(down["id"] in {o["id"] for o in x.fetch_canceled_and_closed_orders(BTC)}, "cancelled before its trigger")
    flat()


def more_orders():
    """The parameters of ccxt's own language, and its ways to ask for what became of an order."""
    flat()
    price = last()
    low, high = round(price * 0.9), round(price * 1.1)
    made = rest()
    x.edit_order(made["id"], BTC, "limit", "buy", 0.02, low, {"stopLossPrice": None, "takeProfit": high})
    found = x.fetch_open_order(made["id"], BTC)
    checks.equal((found["amount"], found["takeProfitPrice"]), (0.02, high), "a target that comes later")
    refused(ccxt.BadRequest, "an object where a text belongs", x.edit_order, made["id"], BTC, "limit", "buy", 0.02, low,
            {"takeProfit": {"triggerPrice": high}})
    changed = x.edit_orders([{"id": made["id"], "symbol": BTC, "type": "limit", "side": "buy", "amount": 0.03, "price": low}])
    checks.equal((len(changed), x.fetch_open_order(made["id"], BTC)["amount"]), (1, 0.03), "several are amended at once")
    checks.equal(x.fetch_order(made["id"], BTC, {"acknowledged": True})["status"], "open", "an order by its id")
    x.cancel_order(made["id"], BTC)
    checks.equal(x.fetch_order(made["id"], BTC, {"acknowledged": True})["status"], "canceled", "and after its end")
    post = x.create_order(BTC, "limit", "buy", 0.01, low, {"timeInForce": "PO"})
    checks.equal(x.fetch_open_order(post["id"], BTC)["postOnly"], True, "post-only by another name")
    rest(clientOrderId="by-name")
    x.cancel_order("", BTC, {"orderLinkId": "by-name"})
    checks.equal([o["id"] for o in x.fetch_open_orders(BTC)], [post["id"]], "cancelled by name")
    bought = x.create_order(BTC, "market", "buy", 0.03, None, {
        "takeProfit": {"triggerPrice": high, "price": round(price * 1.09), "type": "limit"}, "stopLoss": {"triggerPrice": low}})
    legs = {o["info"]["stopOrderType"]: o for o in x.fetch_open_orders(BTC, params={"trigger": True})}
    checks.equal(set(legs), {"PartialTakeProfit", "PartialStopLoss"}, "stop and target, one of them at a limit")
    target = legs["PartialTakeProfit"]
    checks.equal((target["type"], target["price"], target["triggerPrice"]), ("limit", round(price * 1.09), high), "with both prices")
    done = x.fetch_closed_order(bought["id"], BTC)
    checks.equal((done["status"], done["filled"]), ("closed", 0.03), "what is filled is closed")
    checks.that(len(x.fetch_my_trades(BTC, params={"paginate": True})) >= len(x.fetch_my_trades(BTC, limit=5)), "trades, page by page")
    ended = x.fetch_canceled_and_closed_orders(BTC, params={"paginate": True})
    checks.equal(len({o["id"] for o in ended}), len(ended), "ended orders, page by page, none twice")
    x.cancel_all_orders(BTC)
    x.create_order(BTC, "market", "sell", 0.03, None, {"stopLossPrice": low})
    waits = x.fetch_open_orders(BTC, params={"trigger": True})[0]
    checks.equal((waits["triggerPrice"], waits["reduceOnly"]), (low, True), "a stop as an order of its own")
    x.cancel_all_orders(BTC)
    x.create_order_with_take_profit_and_stop_loss(BTC, "limit", "buy", 0.01, low, takeProfit=high, stopLoss=round(price * 0.8))
    held = x.fetch_open_orders(BTC)[0]
    checks.equal((held["takeProfitPrice"], held["stopLossPrice"]), (high, round(price * 0.8)), "stop and target of an order")
    x.cancel_all_orders(BTC)
    x.create_trailing_amount_order(BTC, "market", "sell", 0.03, None, "400", None, {"reduceOnly": True})
    checks.equal(float(position()["info"]["trailingStop"]), 400, "a trailing stop by its own verb")
    several = x.cancel_orders_for_symbols([{"id": rest()["id"], "symbol": BTC}, {"id": "none", "symbol": BTC}])
    checks.equal(len(several), 2, "ended in several markets")
    refused(ccxt.ExchangeError, "too much slippage", x.create_order, BTC, "market", "buy", 0.01, None,
            {"slippageToleranceType": "Percent", "slippageTolerance": "50"})
    flat()


def more_account():
    """Money that is moved, settings, figures of the account."""
    moved = x.transfer("USDT", 5, "unified", "fund")
    checks.equal((moved["status"], moved["amount"]), ("ok", 5), "money is moved")
    checks.equal(x.fetch_balance({"type": "funding"})["USDT"]["total"], 5, "it is there")
    checks.equal([t["id"] for t in x.fetch_transfers("USDT")], [moved["id"]], "and recorded")
    refused(ccxt.InsufficientFunds, "more than there is", x.transfer, "USDT", 50, "fund", "unified")
    x.transfer("USDT", 5, "fund", "unified")
    checks.equal(x.fetch_margin_mode(BTC)["marginMode"], "cross", "the margin mode")
    checks.equal(list(x.is_unified_enabled()), [False, True], "a unified account")
    checks.equal(x.fetch_status()["status"], "ok", "the state of the exchange")
    checks.that("USDT" in x.fetch_currencies(), "currencies")
    x.cancel_all_orders_after(10_000)
    checks.equal(x.fetch_funding_rates()[BTC]["symbol"], BTC, "funding rates of all")
    checks.equal(len(x.fetch_leverage_tiers()), 4, "tiers of all")
    since = x.milliseconds() - 5 * 86_400_000
    checks.that(len(x.fetch_funding_rate_history(BTC, since=since, params={"paginate": True})) >= 14, "funding rates, page by page")
    paged = x.fetch_ohlcv(BTC, "1m", since=x.milliseconds() - 30 * 3_600_000, params={"paginate": True})
    starts = [row[0] for row in paged]
    checks.that(len(starts) > 1_000 and all(b - a == 60_000 for a, b in zip(starts, starts[1:])), "candles, page by page", f"{len(starts)}")
    checks.equal(x.fetch_my_liquidations(BTC), [], "no liquidations")
    refused(ccxt.BadSymbol, "a market there is not", x.fetch_ticker, "NO/USDT:USDT")


def funding():
    flat()
    x.create_order(BTC, "market", "buy", 0.1)
    admin("POST", "/admin/funding", symbol="BTCUSDT", rate="0.001")
    paid = x.fetch_funding_history(BTC)[-1]
    checks.near(abs(paid["amount"]), last() * 0.1 * 0.001, "funding", 0.5)
    checks.equal(x.fetch_funding_rate_history(BTC)[-1]["fundingRate"], 0.001, "everybody can see the rate")
    flat()


def faults():
    admin.fault(on="rest", match="/v5/market/time", do="status", status=503)
    refused(ccxt.NetworkError, "an HTTP error", x.fetch_time)
    admin.fault(on="rest", match="/v5/market/time", do="code", code=10016)
    refused(ccxt.ExchangeError, "an error of the server", x.fetch_time)
    admin.fault(on="rest", match="/v5/market/time", do="drop")
    refused(ccxt.NetworkError, "a connection that ends", x.fetch_time)
    admin.fault(on="rest", match="/v5/market/time", do="corrupt")
    checks.equal(x.fetch_time(), None, "an answer cut short")
    admin("POST", "/admin/state", ban=True)
    refused(ccxt.BaseError, "a ban", x.fetch_time)
    admin("POST", "/admin/state", ban=False)
    checks.near(x.fetch_time(), time.time() * 1000, "and well again", 2_000)


async def streams():
    pro = pointed(ccxt.pro.bybit(dict(OPTIONS)))
    try:
        await pro.load_markets()
        await public(pro)
        await private(pro)
        await trade(pro)
    finally:
        await pro.close()


async def told(watch, act=None, seconds=30.0):
    """What a stream tells next, once something was done."""
    waiting = asyncio.ensure_future(watch)
    await asyncio.sleep(0.5)
    if act:
        await act()
    return await asyncio.wait_for(waiting, seconds)


async def forward(seconds=1.0):
    await asyncio.to_thread(admin.forward, seconds)


async def public(pro):
    ticker = await told(pro.watch_ticker(BTC))
    checks.that(ticker["symbol"] == BTC and ticker["last"] > 0, "a ticker by stream")
    book = await told(pro.watch_order_book(BTC, 50))
    checks.equal((len(book["bids"]), len(book["asks"])), (50, 50), "a book by stream")
    for _ in range(5):
        book = await told(pro.watch_order_book(BTC, 50), forward)
    direct = await pro.fetch_order_book(BTC, 50)
    checks.equal((book["bids"][:50], book["asks"][:50]), (direct["bids"], direct["asks"]), "it equals the one by request")
    trades = await told(pro.watch_trades(BTC), forward)
    checks.that(trades and trades[-1]["price"] > 0 and trades[-1]["side"] in ("buy", "sell"), "trades by stream")
    bars = await told(pro.watch_ohlcv(BTC, "1m"), forward)
    checks.that(bars[-1][0] % 60_000 == 0 and bars[-1][3] <= bars[-1][4] <= bars[-1][2], "candles by stream")
    top = await told(pro.watch_bids_asks([BTC]), forward)
    checks.that(top[BTC]["bid"] < top[BTC]["ask"], "bids and asks by stream", f"{top}")
    deep = await told(pro.watch_order_book(XRP, 200), forward)
    checks.equal(len(deep["asks"]), 200, "a deep book")
    both = await told(pro.watch_order_book_for_symbols([BTC, ETH], 50), forward)
    checks.that(both["symbol"] in (BTC, ETH) and both["bids"][0][0] < both["asks"][0][0], "books of several markets", f"{both}")
    several = await told(pro.watch_trades_for_symbols([BTC, ETH]), forward)
    checks.that(several and several[-1]["symbol"] in (BTC, ETH), "trades of several markets")
    frames = await told(pro.watch_ohlcv_for_symbols([[BTC, "1m"], [ETH, "5m"]]), forward)
    checks.that(set(frames) <= {BTC, ETH} and frames, "candles of several markets")
    checks.equal(await pro.un_watch_order_book_for_symbols([BTC, ETH], {"limit": 50}), True, "books are let go")
    checks.equal(await pro.un_watch_trades_for_symbols([BTC, ETH]), True, "trades are let go")
    many = await told(pro.watch_tickers([BTC, ETH]), forward)
    checks.that(set(many) <= {BTC, ETH} and many, "tickers by stream")


async def private(pro):
    price = (await pro.fetch_ticker(BTC))["last"]

    async def place():
        await pro.create_order(BTC, "limit", "buy", 0.01, round(price * 0.9), {"clientOrderId": "heard-1"})

    orders = await told(pro.watch_orders(BTC), place)
    checks.equal((orders[-1]["clientOrderId"], orders[-1]["status"]), ("heard-1", "open"), "an order by stream")

    async def cancel():
        await pro.cancel_order(orders[-1]["id"], BTC)

    ended = await told(pro.watch_orders(BTC), cancel)
    checks.equal(ended[-1]["status"], "canceled", "its end by stream")

    async def buy():
        await pro.create_order(BTC, "market", "buy", 0.01)

    mine = await told(pro.watch_my_trades(BTC), buy)
    checks.equal((mine[-1]["side"], mine[-1]["amount"]), ("buy", 0.01), "my trades by stream")

    async def more():
        await pro.create_order(BTC, "market", "buy", 0.02)

    balance = await told(pro.watch_balance(), more)
    checks.that(balance["USDT"]["total"] > 0, "the balance by stream", f"{balance}")

    async def less():
        await pro.create_order(BTC, "market", "sell", 0.02, None, {"reduceOnly": True})

    snapshot = await told(pro.watch_positions([BTC]))
    checks.equal([p["contracts"] for p in snapshot], [0.03], "positions at first")
    held = await told(pro.watch_positions([BTC]), less)
    checks.that(held and held[-1]["symbol"] == BTC, "positions by stream", f"{held}")


async def trade(pro):
    price = (await pro.fetch_ticker(BTC))["last"]
    made = await pro.create_order_ws(BTC, "limit", "buy", 0.01, round(price * 0.9), {"clientOrderId": "ws-1"})
    checks.that(made["id"], "an order over the trade stream")
    await pro.edit_order_ws(made["id"], BTC, "limit", "buy", 0.02, round(price * 0.91))
    found = await pro.fetch_open_order(made["id"], BTC)
    checks.equal(found["amount"], 0.02, "amended over it")
    await pro.cancel_order_ws(made["id"], BTC)
    checks.equal(await pro.fetch_open_orders(BTC), [], "cancelled over it")
    try:
        await pro.create_order_ws(BTC, "limit", "buy", 50, round(price * 0.9))
        checks.that(False, "refused over it")
    except ccxt.InsufficientFunds:
        checks.that(True, "refused over it")


for part in (markets, candles, authentication, account, life, fills, refusals, guards, more_orders, more_account, funding, streams, faults):
    began = time.monotonic()
    try:
        outcome = part()
        if asyncio.iscoroutine(outcome):
            asyncio.run(outcome)
    except Exception as error:  # one part that breaks must not hide the others
        import traceback
        traceback.print_exc()
        checks.that(False, part.__name__, f"broke off: {type(error).__name__}: {error}")
    print(f"{part.__name__}: {time.monotonic() - began:.1f} s", flush=True)
sys.exit(checks.close())
