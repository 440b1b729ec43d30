"""pybit, unchanged but for the address, against the exchange on localhost."""

import logging
import sys
import time

import requests
import pybit._websocket_trading as trading
import pybit.unified_trading as unified
from pybit._http_manager import generate_signature
from pybit.exceptions import FailedRequestError, InvalidRequestError

from checks import Admin, Checks, Heard

address, key, secret = sys.argv[1:4]
logging.disable(logging.CRITICAL)
unified.PUBLIC_WSS = "ws://" + address + "/v5/public/{CHANNEL_TYPE}"
unified.PRIVATE_WSS = "ws://" + address + "/v5/private"
trading.TRADE_WSS = "ws://" + address + "/v5/trade"

checks, admin = Checks(), Admin(address)
LINEAR = {"category": "linear"}
BTC = {"category": "linear", "symbol": "BTCUSDT"}


def session(api_key=None, api_secret=None, **more):
    made = unified.HTTP(testnet=False, api_key=api_key, api_secret=api_secret, **more)
    made.endpoint = f"http://{address}"
    return made


http = session(key, secret)
anybody = session()


def listed(answer):
    return answer["result"]["list"]


def refused(code, name, call, **terms):
    try:
        answer = call(**terms)
        checks.that(False, name, f"accepted: {answer}")
    except InvalidRequestError as error:
        checks.that(error.status_code == code, name, f"{error.status_code} {error.message}, wanted {code}")
    except FailedRequestError as error:
        checks.that(error.status_code == code, name, f"HTTP {error.status_code}, wanted {code}")


def last():
    return float(listed(anybody.get_tickers(**BTC))[0]["lastPrice"])


def order(side="Buy", qty="0.01", kind="Limit", **terms):
    return http.place_order(**{**BTC, "side": side, "orderType": kind, "qty": qty, **terms})["result"]["orderId"]


def kept(order_id):
    return listed(http.get_open_orders(**BTC, orderId=order_id))[0]


def position(symbol="BTCUSDT"):
    return listed(http.get_positions(category="linear", symbol=symbol))[0]


def flat(symbol="BTCUSDT"):
    http.cancel_all_orders(category="linear", symbol=symbol)
    held = position(symbol)
    if held["side"]:
        side = "Sell" if held["side"] == "Buy" else "Buy"
        http.place_order(category="linear", symbol=symbol, side=side, orderType="Market", qty="0", reduceOnly=True,
                         closeOnTrigger=True)


def market_data():
    now = anybody.get_server_time()["result"]
    checks.near(int(now["timeSecond"]), time.time(), "the time is told", 2)
    checks.equal(len(now["timeNano"]), 19, "the time has nanoseconds")
    info = listed(anybody.get_instruments_info(**BTC))[0]
    checks.equal(info["contractType"], "LinearPerpetual", "what is traded")
    checks.equal(info["priceFilter"]["tickSize"], "0.10", "its tick")
    checks.equal(info["lotSizeFilter"]["qtyStep"], "0.001", "its step")
    checks.equal(info["fundingInterval"], 480, "its funding interval in minutes")
    symbols = {row["symbol"] for row in listed(anybody.get_instruments_info(**LINEAR))}
    checks.equal(symbols, {"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"}, "all that is traded")
    first = anybody.get_instruments_info(**LINEAR, limit=3)["result"]
    second = anybody.get_instruments_info(**LINEAR, limit=3, cursor=first["nextPageCursor"])["result"]
    checks.equal({r["symbol"] for r in first["list"] + second["list"]}, symbols, "instruments in pages")
    checks.equal(listed(anybody.get_instruments_info(category="spot")), [], "no spot")
    checks.equal(listed(anybody.get_instruments_info(**LINEAR, status="PreLaunch")), [], "nothing before its launch")
    book = anybody.get_orderbook(**BTC, limit=50)["result"]
    bids, asks = [[float(p) for p, _ in book[side]] for side in "ba"]
    checks.equal((len(bids), len(asks)), (50, 50), "the depth of the book")
    checks.that(bids == sorted(bids, reverse=True) and asks == sorted(asks) and bids[0] < asks[0], "the book is in order")
    ticker = listed(anybody.get_tickers(**BTC))[0]
    checks.equal(float(ticker["bid1Price"]), bids[0], "ticker and book agree")
    checks.equal(ticker["fundingIntervalHour"], "8", "the funding interval in hours")
    checks.equal(len(listed(anybody.get_tickers(**LINEAR))), 4, "all tickers")
    trades = listed(anybody.get_public_trade_history(**BTC, limit=5))
    checks.that(0 < len(trades) <= 5 and trades[0]["side"] in ("Buy", "Sell"), "public trades")
    tiers = listed(anybody.get_risk_limit(**BTC))
    checks.equal((tiers[0]["isLowestRisk"], tiers[0]["mmDeduction"], tiers[0]["maxLeverage"]), (1, "", "100.00"), "tiers")
    ratio = listed(anybody.get_long_short_ratio(**BTC, period="1h", limit=3))
    checks.that(len(ratio) == 3 and abs(float(ratio[0]["buyRatio"]) + float(ratio[0]["sellRatio"]) - 1) < 1e-9, "ratio")
    interest = anybody.get_open_interest(**BTC, intervalTime="1h", limit=3)["result"]
    more = anybody.get_open_interest(**BTC, intervalTime="1h", limit=3, cursor=interest["nextPageCursor"])["result"]
    stamps = [int(r["timestamp"]) for r in interest["list"] + more["list"]]
    checks.equal([a - b for a, b in zip(stamps, stamps[1:])], [3_600_000] * 5, "open interest in pages")
    checks.equal(len(listed(anybody.get_insurance())), 1, "the insurance fund")
    limit = anybody.get_price_limit(**BTC)["result"]
    checks.that(float(limit["sellLmt"]) < last() < float(limit["buyLmt"]), "the price band")


def candles():
    rows = listed(anybody.get_kline(**BTC, interval="5", limit=1000))
    starts = [int(row[0]) for row in rows]
    checks.equal(len(rows), 1000, "a thousand candles")
    checks.that(all(a - b == 300_000 for a, b in zip(starts, starts[1:])), "newest first, without a gap")
    checks.that(all(float(r[3]) <= min(float(r[1]), float(r[4])) and float(r[2]) >= max(float(r[1]), float(r[4]))
                    for r in rows), "lows and highs")
    older = listed(anybody.get_kline(**BTC, interval="5", limit=1000, end=starts[-1] - 1))
    checks.equal(int(older[0][0]), starts[-1] - 300_000, "the page before")
    both = listed(anybody.get_kline(**BTC, interval="5", start=starts[9], end=starts[0], limit=3))
    checks.equal([int(r[0]) for r in both], starts[:3], "both ends: the newest")
    only = listed(anybody.get_kline(**BTC, interval="5", start=starts[9], limit=3))
    checks.equal([int(r[0]) for r in only], starts[7:10], "only a start: from there")
    hours = listed(anybody.get_kline(**BTC, interval="60", limit=3))
    within = [r for r in rows if int(r[0]) - int(r[0]) % 3_600_000 == int(hours[1][0])]
    checks.equal(max(float(r[2]) for r in within), float(hours[1][2]), "hours are made of minutes")
    for interval in ("D", "W", "M"):
        checks.that(len(listed(anybody.get_kline(**BTC, interval=interval))) >= 1, f"candles of {interval}")
    for name in ("mark_price", "index_price", "premium_index_price"):
        answer = getattr(anybody, f"get_{name}_kline")(**BTC, interval="15", limit=2)
        checks.equal([len(row) for row in listed(answer)], [5, 5], f"candles of the {name}")
    refused(10001, "an interval that is none", anybody.get_kline, **BTC, interval="7")
    refused(10001, "a symbol that is none", anybody.get_kline, category="linear", symbol="NOUSDT", interval="5")
    refused(10001, "more candles than there may be", anybody.get_kline, **BTC, interval="5", limit=1001)
    rates = listed(anybody.get_funding_rate_history(**BTC, limit=5))
    stamps = [int(row["fundingRateTimestamp"]) for row in rates]
    checks.that(len(stamps) == 5 and all(a - b == 28_800_000 for a, b in zip(stamps, stamps[1:])), "funding rates")
    refused(10001, "funding with only a start", anybody.get_funding_rate_history, **BTC, startTime=stamps[-1])
    ranged = listed(anybody.get_funding_rate_history(**BTC, startTime=stamps[2], endTime=stamps[1]))
    checks.equal(len(ranged), 2, "funding within a window")


def raw(method, path, query="", body="", skew=0, window="5000", sign=None, api_key=key, headers=None):
    stamp = str(int(time.time() * 1000) + skew)
    text = stamp + api_key + window + (query if method == "GET" else body)
    signed = {"X-BAPI-API-KEY": api_key, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-RECV-WINDOW": window,
              "X-BAPI-SIGN": sign or generate_signature(False, secret, text)}
    url = f"http://{address}{path}" + (f"?{query}" if query else "")
    return requests.request(method, url, data=body or None, headers=signed if headers is None else headers, timeout=10)


def authentication():
    path = "/v5/account/info"
    checks.equal(raw("GET", path).json()["retCode"], 0, "a good signature")
    checks.equal(raw("GET", path, sign="0" * 64).json()["retCode"], 10004, "a bad signature")
    checks.equal(raw("GET", path, skew=-60_000).json()["retCode"], 10002, "dated too far back")
    checks.equal(raw("GET", path, skew=-6_000, window="60000").json()["retCode"], 0, "a wider window")
    checks.equal(raw("GET", path, skew=20_000).json()["retCode"], 10002, "dated ahead")
    checks.equal(raw("GET", path, skew=500).json()["retCode"], 0, "dated a little ahead")
    checks.equal(raw("GET", path, api_key="nobody").json()["retCode"], 10003, "a key that is not known")
    checks.equal(raw("GET", path, headers={}).status_code, 401, "no headers")
    spaced = '{"category" : "linear",\n "symbol":"BTCUSDT", "buyLeverage":"10","sellLeverage":"10"}'
    checks.equal(raw("POST", "/v5/position/set-leverage", body=spaced).json()["retCode"], 110043, "bytes are signed")
    escaped = raw("GET", "/v5/order/realtime", query="category=linear&symbol=BTCUSDT&cursor=page_token%3D9%26")
    checks.equal(escaped.json()["retCode"], 0, "escapes are signed as they are")
    unknown = raw("GET", "/v5/no/such/thing")
    checks.equal((unknown.status_code, unknown.json()["retCode"]), (404, 10017), "a path that is none")
    checks.equal(raw("POST", path, body="{}").status_code, 400, "the other method")
    checks.equal(raw("GET", path, body="{}").status_code, 403, "a GET with a body")
    answer = raw("GET", path)
    checks.equal(answer.headers["X-Bapi-Limit"], "50", "the limit is told")
    checks.that(int(answer.headers["X-Bapi-Limit-Status"]) < 50, "what is left of it is told")
    checks.near(int(answer.headers["X-Bapi-Limit-Reset-Timestamp"]), time.time() * 1000, "and when it resets", 2_000)
    time.sleep(1.1)
    codes = [raw("GET", "/v5/account/fee-rate", query="category=linear").json()["retCode"] for _ in range(30)]
    checks.that(codes[:5] == [0] * 5 and 10006 in codes, "beyond the limit", codes)
    time.sleep(1.1)
    admin("POST", "/admin/key", key=key, trade=False)
    refused(10005, "a key that may not trade", http.place_order, **BTC, side="Buy", orderType="Market", qty="0.01")
    admin("POST", "/admin/key", key=key, trade=True)


def account():
    wallet = listed(http.get_wallet_balance(accountType="UNIFIED"))[0]
    checks.equal(wallet["totalWalletBalance"], "100000", "the money at the start")
    checks.equal(wallet["coin"][0]["coin"], "USDT", "the coin")
    refused(10001, "another kind of account", http.get_wallet_balance, accountType="SPOT")
    info = http.get_account_info()["result"]
    checks.equal((info["marginMode"], info["unifiedMarginStatus"]), ("REGULAR_MARGIN", 5), "how the account is set")
    fee = listed(http.get_fee_rates(**BTC))[0]
    checks.equal((fee["takerFeeRate"], fee["makerFeeRate"]), ("0.00055", "0.0002"), "fees")
    api = http.get_api_key_information()["result"]
    checks.equal((api["readOnly"], api["permissions"]["ContractTrade"]), (0, ["Order", "Position"]), "what the key may do")
    checks.equal(http.get_collateral_info()["result"]["list"][0]["currency"], "USDT", "collateral")
    coin = http.get_coin_balance(accountType="UNIFIED", coin="USDT")["result"]["balance"]
    checks.equal(coin["walletBalance"], "100000", "the balance of a coin")
    checks.equal(position()["leverage"], "10", "leverage at the start")
    http.set_leverage(**BTC, buyLeverage="20", sellLeverage="20")
    checks.equal(position()["leverage"], "20", "leverage is set")
    refused(110043, "the same leverage", http.set_leverage, **BTC, buyLeverage="20", sellLeverage="20")
    refused(10001, "different leverage of the sides", http.set_leverage, **BTC, buyLeverage="20", sellLeverage="5")
    refused(110013, "too much leverage", http.set_leverage, **BTC, buyLeverage="101", sellLeverage="101")
    refused(110025, "the same mode", http.switch_position_mode, **BTC, mode=0)
    http.set_margin_mode(setMarginMode="ISOLATED_MARGIN")
    checks.equal(http.get_account_info()["result"]["marginMode"], "ISOLATED_MARGIN", "isolated margin")
    wallet = listed(http.get_wallet_balance(accountType="UNIFIED"))[0]
    checks.equal(wallet["totalAvailableBalance"], "", "what is shared does not apply there")
    http.set_margin_mode(setMarginMode="REGULAR_MARGIN")
    http.set_leverage(**BTC, buyLeverage="10", sellLeverage="10")


def life():
    low = f"{round(last() * 0.9)}"
    made = order(price=low, orderLinkId="life-1")
    found = kept(made)
    checks.equal((found["orderStatus"], found["orderLinkId"], found["leavesQty"]), ("New", "life-1", "0.010"), "it rests")
    checks.equal(len(listed(http.get_open_orders(**BTC))), 1, "it is open")
    bids = anybody.get_orderbook(**BTC, limit=1000)["result"]["b"]
    checks.that(float(bids[-1][0]) <= float(low) or len(bids) >= 400, "the book is deep")
    http.amend_order(**BTC, orderId=made, price=f"{round(last() * 0.91)}", qty="0.02")
    checks.equal(kept(made)["qty"], "0.020", "it is amended")
    http.amend_order(**BTC, orderLinkId="life-1", qty="0.03")
    checks.equal(kept(made)["qty"], "0.030", "amended by its link")
    refused(10001, "an amendment that changes nothing", http.amend_order, **BTC, orderId=made, qty="0.03")
    refused(110072, "the same link again", http.place_order, **BTC, side="Buy", orderType="Limit", qty="0.01", price=low,
            orderLinkId="life-1")
    checks.equal(http.cancel_order(**BTC, orderId=made)["result"]["orderId"], made, "it is cancelled")
    found = kept(made)
    checks.equal((found["orderStatus"], found["cancelType"]), ("Cancelled", "CancelByUser"), "it says so")
    refused(110001, "cancelled again", http.cancel_order, **BTC, orderId=made)
    refused(110001, "amended too late", http.amend_order, **BTC, orderId=made, qty="0.05")
    checks.equal(listed(http.get_open_orders(**BTC)), [], "nothing is open")
    checks.equal(listed(http.get_order_history(**BTC, orderId=made))[0]["orderStatus"], "Cancelled", "it is history")
    for n in range(3):
        order(price=low, orderLinkId=f"many-{n}")
    page = http.get_open_orders(**BTC, limit=2)["result"]
    rest = http.get_open_orders(**BTC, limit=2, cursor=page["nextPageCursor"])["result"]
    names = [row["orderLinkId"] for row in page["list"] + rest["list"]]
    checks.equal(names, ["many-2", "many-1", "many-0"], "open orders in pages, newest first")
    gone = http.cancel_all_orders(**LINEAR, settleCoin="USDT")["result"]
    checks.equal((len(gone["list"]), gone["success"]), (3, "1"), "all are cancelled")
    refused(10001, "cancel all of nothing in particular", http.cancel_all_orders, **LINEAR)
    refused(10001, "open orders of nothing in particular", http.get_open_orders, **LINEAR)


def fills():
    flat()
    before = float(listed(http.get_wallet_balance(accountType="UNIFIED"))[0]["totalWalletBalance"])
    made = order(kind="Market", qty="0.1")
    found = kept(made)
    checks.equal((found["orderStatus"], found["timeInForce"], found["cumExecQty"]), ("Filled", "IOC", "0.100"), "a market order")
    checks.that(float(found["price"]) > float(found["avgPrice"]), "its price is how far it would go")
    held = position()
    checks.equal((held["side"], held["size"], held["positionIdx"]), ("Buy", "0.100", 0), "a position")
    checks.near(held["avgPrice"], found["avgPrice"], "its entry")
    checks.near(held["positionIM"], float(held["positionValue"]) / 10 + float(held["positionValue"]) * 0.9 * 0.00055,
                "its margin", 0.01)
    fills_of = listed(http.get_executions(**BTC, orderId=made))
    fee = sum(float(row["execFee"]) for row in fills_of)
    checks.near(fee, sum(float(row["execValue"]) for row in fills_of) * 0.00055, "the taker's fee")
    checks.equal({(row["isMaker"], row["execType"]) for row in fills_of}, {(False, "Trade")}, "executions")
    after = float(listed(http.get_wallet_balance(accountType="UNIFIED"))[0]["totalWalletBalance"])
    checks.near(after, before - fee, "the wallet pays the fee")
    half = order("Sell", kind="Market", qty="0.04", reduceOnly=True)
    closed = listed(http.get_closed_pnl(**BTC))[0]
    checks.equal((closed["orderId"], closed["side"], closed["closedSize"]), (half, "Sell", "0.040"), "what was closed")
    profit = float(closed["cumExitValue"]) - float(closed["cumEntryValue"])
    checks.near(closed["closedPnl"], profit - float(closed["openFee"]) - float(closed["closeFee"]), "closed profit")
    entries = listed(http.get_transaction_log(accountType="UNIFIED", category="linear", limit=50))
    checks.near(entries[0]["cashBalance"], listed(http.get_wallet_balance(accountType="UNIFIED"))[0]["totalWalletBalance"],
                "the log ends with the wallet")
    top = entries[0]
    checks.near(top["change"], float(top["cashFlow"]) - float(top["fee"]), "change is cash flow less fee")
    order("Sell", kind="Market", qty="0.1")
    checks.equal((position()["side"], position()["size"]), ("Sell", "0.040"), "an order turns a position around")
    flat()
    checks.equal((position()["side"], position()["size"]), ("", "0.000"), "quantity zero closes everything")
    bid = float(anybody.get_orderbook(**BTC, limit=1)["result"]["b"][0][0])
    resting = order(price=f"{bid - 5:.1f}", qty="0.02")
    shown = dict(anybody.get_orderbook(**BTC, limit=200)["result"]["b"])
    checks.that(f"{bid - 5:.2f}" in shown, "what rests is in the book")
    admin.price("BTCUSDT", f"{bid - 40:.1f}")
    found = kept(resting)
    checks.equal((found["orderStatus"], found["avgPrice"]), ("Filled", f"{bid - 5:.1f}".rstrip("0").rstrip(".")), "a maker's fill")
    maker = listed(http.get_executions(**BTC, orderId=resting))[0]
    checks.equal((maker["isMaker"], maker["feeRate"]), (True, "0.0002"), "the maker's fee")
    flat()


def refusals():
    price = last()
    low = f"{round(price * 0.9)}"
    common = {**BTC, "side": "Buy", "orderType": "Limit", "price": low, "qty": "0.01"}
    refused(10001, "no side", http.place_order, **{**common, "side": "Long"})
    refused(10001, "no type", http.place_order, **{**common, "orderType": "Stop"})
    refused(10001, "below the smallest quantity", http.place_order, **{**common, "qty": "0.0001"})
    refused(10001, "above the largest quantity", http.place_order, **{**common, "qty": "5000"})
    refused(10001, "between two ticks", http.place_order, **{**common, "price": "100.05"})
    refused(10001, "no price", http.place_order, **{**common, "price": None})
    refused(10001, "no symbol of ours", http.place_order, **{**common, "symbol": "NOUSDT"})
    refused(10001, "another category", http.place_order, **{**common, "category": "spot"})
    refused(10001, "a name too long", http.place_order, **common, orderLinkId="x" * 37)
    refused(10001, "the index of hedge mode", http.place_order, **common, positionIdx=1)
    refused(110094, "worth too little", http.place_order, **{**common, "symbol": "XRPUSDT", "qty": "1", "price": "0.6"})
    refused(110007, "beyond the margin", http.place_order, **{**common, "qty": "50"})
    refused(110017, "nothing to reduce", http.place_order, **common, reduceOnly=True)
    refused(110093, "a trigger that is passed", http.place_order, **{**common, "orderType": "Market", "price": None},
            triggerPrice=f"{round(price * 1.1)}", triggerDirection=2)
    refused(110092, "a trigger that is passed below", http.place_order, **{**common, "orderType": "Market", "price": None},
            triggerPrice=low, triggerDirection=1)
    refused(10001, "a stop above a buy", http.place_order, **common, stopLoss=f"{round(price)}")
    refused(10001, "a target below a buy", http.place_order, **common, takeProfit=f"{round(price * 0.5)}")
    refused(10001, "a stop without position", http.set_trading_stop, **BTC, tpslMode="Full", stopLoss=low, positionIdx=0)
    refused(110001, "an order that is none", http.cancel_order, **BTC, orderId="no-such-order")
    ask = float(anybody.get_orderbook(**BTC, limit=1)["result"]["a"][0][0])
    post = order(price=f"{ask + 10:.1f}", timeInForce="PostOnly")
    found = kept(post)
    checks.equal((found["orderStatus"], found["rejectReason"]), ("Cancelled", "EC_PostOnlyWillTakeLiquidity"), "post-only")
    immediate = order(price=low, timeInForce="IOC")
    checks.equal((kept(immediate)["orderStatus"], kept(immediate)["cumExecQty"]), ("Cancelled", "0.000"), "immediate or cancel")
    whole = order(price=low, timeInForce="FOK")
    checks.equal(kept(whole)["orderStatus"], "Cancelled", "fill or kill")
    checks.equal(kept(order(price=low, qty="0.0129"))["qty"], "0.012", "quantities are cut down to the step")
    http.cancel_all_orders(**BTC)
    beyond = order(price=f"{round(price * 1.5)}", qty="0.01")
    checks.that(float(kept(beyond)["price"]) < price * 1.06, "a price beyond the band is moved to its edge")
    flat()


def batches():
    low = f"{round(last() * 0.9)}"
    wanted = [{"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": low, "orderLinkId": f"b-{n}"}
              for n in range(3)]
    wanted[1]["qty"] = "0.00001"
    answer = http.place_batch_order(category="linear", request=wanted)
    checks.equal([row["code"] for row in answer["retExtInfo"]["list"]], [0, 10001, 0], "a batch has its own codes")
    checks.equal(answer["result"]["list"][1]["orderId"], "", "what failed has no id")
    changes = [{"symbol": "BTCUSDT", "orderLinkId": f"b-{n}", "qty": "0.02"} for n in (0, 2)]
    answer = http.amend_batch_order(category="linear", request=changes)
    checks.equal([row["code"] for row in answer["retExtInfo"]["list"]], [0, 0], "a batch of amendments")
    checks.equal([row["qty"] for row in listed(http.get_open_orders(**BTC))], ["0.020", "0.020"], "they hold")
    names = [{"symbol": "BTCUSDT", "orderLinkId": name} for name in ("b-0", "b-1", "b-2")]
    answer = http.cancel_batch_order(category="linear", request=names)
    checks.equal([row["code"] for row in answer["retExtInfo"]["list"]], [0, 110001, 0], "a batch of ends")
    time.sleep(1.1)
    many = [{**wanted[0], "orderLinkId": f"c-{n}"} for n in range(12)]
    answer = http.place_batch_order(category="linear", request=many)
    codes = [row["code"] for row in answer["retExtInfo"]["list"]]
    checks.equal((codes.count(0), codes.count(10006)), (10, 2), "every order of a batch counts")
    http.cancel_all_orders(**BTC)
    refused(10001, "a batch too long", http.place_batch_order, category="linear", request=[wanted[0]] * 21)
    time.sleep(1.1)


def stops():
    flat()
    price = last()
    order(kind="Market", qty="0.1")
    set_stop = http.set_trading_stop
    set_stop(**BTC, tpslMode="Full", takeProfit=f"{round(price * 1.1)}", stopLoss=f"{round(price * 0.9)}", positionIdx=0)
    held = position()
    checks.equal((float(held["takeProfit"]), float(held["stopLoss"])), (round(price * 1.1), round(price * 0.9)), "full stops")
    legs = {row["stopOrderType"]: row for row in listed(http.get_open_orders(**BTC))}
    checks.equal(set(legs), {"TakeProfit", "StopLoss"}, "they are orders")
    checks.equal((legs["StopLoss"]["orderStatus"], legs["StopLoss"]["reduceOnly"], legs["StopLoss"]["qty"]),
                 ("Untriggered", True, "0.100"), "that wait")
    refused(34040, "the same stops", set_stop, **BTC, tpslMode="Full", takeProfit=f"{round(price * 1.1)}",
            stopLoss=f"{round(price * 0.9)}", positionIdx=0)
    refused(10001, "a stop on the wrong side", set_stop, **BTC, tpslMode="Full", stopLoss=f"{round(price * 1.05)}", positionIdx=0)
    set_stop(**BTC, tpslMode="Full", takeProfit="0", stopLoss=f"{round(price * 0.95)}", positionIdx=0)
    checks.equal((position()["takeProfit"], float(position()["stopLoss"])), ("", round(price * 0.95)), "one goes, one moves")
    stop_id = listed(http.get_open_orders(**BTC))[0]["orderId"]
    admin.price("BTCUSDT", f"{round(price * 0.94)}")
    checks.equal(position()["size"], "0.000", "the stop closes the position")
    stop = listed(http.get_order_history(**BTC, orderId=stop_id))[0]
    checks.that(float(stop["price"]) > 0, "which says how far it would have gone", stop["price"])
    checks.equal((stop["orderStatus"], stop["createType"]), ("Filled", "CreateByStopLoss"), "by its order")
    price = last()
    order(kind="Market", qty="0.1")
    set_stop(**BTC, tpslMode="Full", trailingStop="500", positionIdx=0)
    checks.equal(position()["trailingStop"], "500.00", "a trailing stop")
    admin.price("BTCUSDT", f"{round(price + 1000)}")
    checks.equal(position()["size"], "0.100", "it follows")
    admin.price("BTCUSDT", f"{round(price + 400)}")
    checks.equal(position()["size"], "0.000", "and closes")
    price = last()
    order(kind="Market", qty="0.1")
    set_stop(**BTC, tpslMode="Full", trailingStop="300", activePrice=f"{round(price + 800)}", positionIdx=0)
    admin.price("BTCUSDT", f"{round(price - 400)}")
    checks.equal(position()["size"], "0.100", "not armed yet")
    admin.price("BTCUSDT", f"{round(price + 900)}")
    admin.price("BTCUSDT", f"{round(price + 500)}")
    checks.equal(position()["size"], "0.000", "armed, and closed")
    price = last()
    order(kind="Market", qty="0.1")
    set_stop(**BTC, tpslMode="Partial", takeProfit=f"{round(price * 1.01)}", stopLoss=f"{round(price * 0.99)}", tpSize="0.04",
             slSize="0.04", positionIdx=0, tpOrderType="Limit", tpLimitPrice=f"{round(price * 1.01)}")
    legs = {row["stopOrderType"]: row for row in listed(http.get_open_orders(**BTC))}
    checks.equal({(name, row["qty"]) for name, row in legs.items()},
                 {("PartialTakeProfit", "0.040"), ("PartialStopLoss", "0.040")}, "stops of a part")
    checks.equal(legs["PartialTakeProfit"]["orderType"], "Limit", "one of them at a limit")
    refused(10001, "different sizes", set_stop, **BTC, tpslMode="Partial", takeProfit=f"{round(price * 1.02)}",
            stopLoss=f"{round(price * 0.98)}", tpSize="0.01", slSize="0.02", positionIdx=0)
    admin.price("BTCUSDT", f"{round(price * 0.985)}")
    checks.equal(position()["size"], "0.060", "the part is closed")
    twin = listed(http.get_order_history(**BTC, orderId=legs["PartialTakeProfit"]["orderId"]))[0]
    checks.equal(twin["cancelType"], "CancelByOCOTpCanceledBySlTriggered", "its twin ends")
    flat()
    price = last()
    made = order(kind="Market", qty="0.02", takeProfit=f"{round(price * 1.05)}", stopLoss=f"{round(price * 0.95)}",
                 orderLinkId="parent-1", tpslMode="Partial")
    legs = listed(http.get_open_orders(**BTC))
    checks.equal({row["parentOrderLinkId"] for row in legs}, {"parent-1"}, "what came with an order names it")
    checks.equal(kept(made)["takeProfit"], f"{round(price * 1.05)}.00", "and the order shows it")
    moved = legs[0]["orderId"]
    http.amend_order(**BTC, orderId=moved, triggerPrice=f"{round(float(legs[0]['triggerPrice'])) + 10}")
    checks.equal(float(kept(moved)["triggerPrice"]), round(float(legs[0]["triggerPrice"])) + 10, "a leg is amended")
    flat()
    price = last()
    order(kind="Market", qty="0.02", takeProfit=f"{round(price * 1.05)}")
    target = listed(http.get_open_orders(**BTC))[0]["orderId"]
    order("Sell", kind="Market", qty="0.03")
    checks.equal((position()["side"], position()["takeProfit"]), ("Sell", ""), "a position that turns around is another")
    checks.equal(kept(target)["cancelType"], "CancelByTpSlTsClear", "what guarded the old one ends with it")
    flat()
    leftovers = [row for row in listed(http.get_open_orders(**BTC))]
    checks.equal(leftovers, [], "with the position its legs go")


def conditionals():
    flat()
    price = last()
    up = order(kind="Market", triggerPrice=f"{round(price * 1.02)}", triggerDirection=1)
    found = kept(up)
    checks.equal((found["orderStatus"], found["stopOrderType"], found["triggerDirection"]), ("Untriggered", "Stop", 1), "it waits")
    checks.equal(listed(http.get_open_orders(**BTC, orderFilter="Order")), [], "no active order")
    checks.equal(len(listed(http.get_open_orders(**BTC, orderFilter="StopOrder"))), 1, "a conditional one")
    http.amend_order(**BTC, orderId=up, triggerPrice=f"{round(price * 1.03)}")
    admin.price("BTCUSDT", f"{round(price * 1.025)}")
    checks.equal(kept(up)["orderStatus"], "Untriggered", "not yet")
    admin.price("BTCUSDT", f"{round(price * 1.031)}")
    checks.equal(kept(up)["orderStatus"], "Filled", "triggered")
    flat()
    price = last()
    waiting = order("Sell", triggerPrice=f"{round(price * 0.97)}", price=f"{round(price * 0.97)}", triggerDirection=2)
    http.cancel_order(**BTC, orderId=waiting)
    checks.equal(kept(waiting)["orderStatus"], "Deactivated", "cancelled before its trigger")
    marked = order(kind="Market", triggerPrice=f"{round(price * 1.01)}", triggerDirection=1, triggerBy="MarkPrice")
    checks.equal(kept(marked)["triggerBy"], "MarkPrice", "by the mark price")
    http.cancel_all_orders(**BTC, orderFilter="StopOrder")
    checks.equal(kept(marked)["orderStatus"], "Deactivated", "conditional orders by filter")


def amendments():
    """Everything of an order that can be changed, and that it stays the order it was."""
    price = last()
    low = f"{round(price * 0.9)}"
    made = order(price=low, orderLinkId="amend-1")
    far, near = f"{round(price * 1.1)}", f"{round(price * 0.8)}"
    http.amend_order(**BTC, orderId=made, takeProfit=far, stopLoss=near, tpTriggerBy="MarkPrice", slTriggerBy="IndexPrice")
    found = kept(made)
    checks.equal((float(found["takeProfit"]), float(found["stopLoss"]), found["tpTriggerBy"], found["slTriggerBy"], found["tpslMode"]),
                 (float(far), float(near), "MarkPrice", "IndexPrice", "Full"), "stop and target with what they watch")
    checks.equal((found["orderId"], found["orderLinkId"], found["orderStatus"]), (made, "amend-1", "New"), "it is the same order")
    http.amend_order(**BTC, orderId=made, takeProfit="0", stopLoss="0")
    found = kept(made)
    checks.equal((found["takeProfit"], found["stopLoss"], found["tpslMode"]), ("", "", ""), "zero takes them away")
    refused(10001, "a stop above the price", http.amend_order, **BTC, orderId=made, stopLoss=far)
    refused(10001, "a limit in full mode", http.amend_order, **BTC, orderId=made, takeProfit=far, tpslMode="Full", tpLimitPrice=far)
    http.amend_order(**BTC, orderId=made, takeProfit=far, tpslMode="Partial", tpLimitPrice=f"{round(price * 1.09)}")
    found = kept(made)
    checks.equal((found["tpslMode"], float(found["tpLimitPrice"])), ("Partial", round(price * 1.09)), "a target of its own with a limit")
    refused(10001, "a trigger for an order without", http.amend_order, **BTC, orderId=made, triggerPrice=far)
    refused(10001, "nothing", http.amend_order, **BTC, orderId=made)
    refused(10001, "a smaller quantity than there may be", http.amend_order, **BTC, orderId=made, qty="0.0001")
    refused(110007, "more than the margin", http.amend_order, **BTC, orderId=made, qty="90")
    refused(110001, "of another symbol", http.amend_order, category="linear", symbol="ETHUSDT", orderId=made, qty="0.05")
    checks.equal(kept(made)["qty"], "0.010", "what is refused changes nothing")
    nested = raw("POST", "/v5/order/amend", body='{"category":"linear","symbol":"BTCUSDT","orderId":"%s","takeProfit":{"triggerPrice":"1"}}' % made)
    checks.equal(nested.json()["retCode"], 10001, "an object where a text belongs")
    waits = order(kind="Market", triggerPrice=f"{round(price * 1.02)}", triggerDirection=1)
    http.amend_order(**BTC, orderId=waits, triggerBy="MarkPrice", qty="0.02")
    found = kept(waits)
    checks.equal((found["triggerBy"], found["qty"], found["orderStatus"]), ("MarkPrice", "0.020", "Untriggered"), "a trigger that watches another price")
    refused(110092, "a trigger that is passed", http.amend_order, **BTC, orderId=waits, triggerPrice=low)
    http.cancel_all_orders(**BTC)
    checks.equal((kept(made)["orderStatus"], kept(waits)["orderStatus"]), ("Cancelled", "Deactivated"), "and both end")


def terms_of_orders():
    """What an order may say of itself besides side, quantity and price."""
    flat()
    bid, ask = (float(listed(anybody.get_tickers(**BTC))[0][name]) for name in ("bid1Price", "ask1Price"))
    made = order(kind="Market", slippageToleranceType="TickSize", slippageTolerance="5")
    found = kept(made)
    checks.equal((found["orderType"], found["orderStatus"], found["slippageToleranceType"], found["slippageTolerance"]),
                 ("Market", "Filled", "TickSize", "5"), "a tolerance in ticks")
    checks.near(found["price"], ask + 0.5, "it goes so far")
    made = order("Sell", kind="Market", slippageToleranceType="Percent", slippageTolerance="0.5", reduceOnly=True)
    checks.near(kept(made)["price"], bid * 0.995, "a tolerance in percent", 0.2)
    common = {**BTC, "side": "Buy", "orderType": "Market", "qty": "0.01"}
    refused(110108, "too many ticks", http.place_order, **common, slippageToleranceType="TickSize", slippageTolerance="10001")
    refused(110109, "too many percent", http.place_order, **common, slippageToleranceType="Percent", slippageTolerance="10.1")
    refused(10001, "half of a tolerance", http.place_order, **common, slippageToleranceType="Percent")
    book = anybody.get_orderbook(**BTC, limit=5)["result"]
    made = order(bboSideType="Queue", bboLevel="2")
    checks.near(kept(made)["price"], book["b"][1][0], "the second price of the own side")
    http.cancel_order(**BTC, orderId=made)
    made = order("Sell", bboSideType="Queue", bboLevel="1")
    checks.near(kept(made)["price"], book["a"][0][0], "the best price to sell at")
    http.cancel_order(**BTC, orderId=made)
    made = order(bboSideType="Counterparty", bboLevel="1")
    checks.equal(kept(made)["orderStatus"], "Filled", "the price of the other side trades")
    refused(10001, "a level that is none", http.place_order, **{**common, "orderType": "Limit"}, bboSideType="Queue", bboLevel="6")
    flat()
    mine = order("Sell", price=f"{ask:.1f}")
    taker = order(price=f"{ask:.1f}", qty="0.005", smpType="CancelMaker")
    found = kept(mine)
    checks.equal((found["orderStatus"], found["cancelType"], found["smpOrderId"]), ("Cancelled", "CancelBySmp", taker), "the maker gives way")
    mine = order("Sell", price=f"{ask:.1f}")
    taker = order(price=f"{ask:.1f}", qty="0.005", smpType="CancelTaker")
    found = kept(taker)
    checks.equal((found["orderStatus"], found["cancelType"], found["smpOrderId"], found["smpType"]),
                 ("Cancelled", "CancelBySmp", mine, "CancelTaker"), "the taker gives way")
    both = order(price=f"{ask:.1f}", qty="0.005", smpType="CancelBoth")
    checks.equal((kept(mine)["smpOrderId"], kept(both)["smpOrderId"]), (both, mine), "both give way, and name each other")
    refused(110057, "a target for what only reduces", http.place_order, **{**common, "side": "Sell"}, reduceOnly=True, takeProfit="1")
    refused(110119, "improvement for retail", http.place_order, **{**common, "orderType": "Limit", "price": f"{round(bid * 0.9)}"}, timeInForce="RPI")
    refused(110003, "beyond the highest price", http.place_order, **{**common, "orderType": "Limit", "price": "9999999"})
    flat()
    refused(110017, "nothing to close", http.place_order, **{**common, "side": "Sell", "qty": "0"}, reduceOnly=True, closeOnTrigger=True)
    http.set_limit_price_action(category="linear", modifyEnable=False)
    refused(110003, "beyond the band, not to be moved", http.place_order, **{**common, "orderType": "Limit", "price": f"{round(ask * 1.2)}"})
    http.set_limit_price_action(category="linear", modifyEnable=True)
    for n in range(10):  # and pybit waits where it asks too often
        order(kind="Market", triggerPrice=f"{round(ask * 1.1) + n}", triggerDirection=1)
    refused(110009, "an eleventh conditional order", http.place_order, **common, triggerPrice=f"{round(ask * 1.2)}", triggerDirection=1)
    flat()


def pages():
    """Histories: windows of time, filters, pages to the end."""
    flat()
    time.sleep(1.1)
    for n in range(3):
        order(kind="Market", orderLinkId=f"page-{n}")
        order("Sell", kind="Market", reduceOnly=True)
    asked = {"executions": http.get_executions, "closed profit": http.get_closed_pnl, "history": http.get_order_history,
             "transactions": http.get_transaction_log}
    for name, call in asked.items():
        whole = {} if name == "transactions" else BTC
        rows, cursor = [], None
        for _ in range(100):
            page = call(**whole, limit=2, **({"cursor": cursor} if cursor else {}))["result"]
            rows += page["list"]
            cursor = page["nextPageCursor"]
            if not page["list"] or not cursor:
                break
        at_once = listed(call(**whole, limit=50))
        checks.equal([str(row) for row in rows[:len(at_once)]], [str(row) for row in at_once], f"{name} in pages")
        now = int(anybody.get_server_time()["time"])
        refused(10001, f"{name} of eight days", call, **whole, startTime=now - 8 * 86_400_000, endTime=now)
        refused(10001, f"{name} that end before they begin", call, **whole, startTime=now, endTime=now - 1)
        refused(10001, f"{name} by the thousand", call, **whole, limit=1000)
        refused(10001, f"{name} from nowhere", call, **whole, cursor="nowhere")
        checks.equal(listed(call(**whole, endTime=now - 3 * 86_400_000)), [], f"{name} of another time")
    by_link = listed(http.get_executions(**BTC, orderLinkId="page-1"))
    checks.equal({row["orderLinkId"] for row in by_link}, {"page-1"}, "executions by the client's name")
    statuses = {row["orderStatus"] for row in listed(http.get_order_history(**BTC, orderStatus="Filled"))}
    checks.equal(statuses, {"Filled"}, "a history by its ends")
    refused(181017, "a history of what is open", http.get_order_history, **BTC, orderStatus="New")
    kinds = {row["type"] for row in listed(http.get_transaction_log(type="TRADE", limit=50))}
    checks.equal(kinds, {"TRADE"}, "transactions by kind")
    lately = listed(http.get_open_orders(**BTC, openOnly=1, limit=50))
    checks.that(lately and all(row["orderStatus"] not in ("New", "Untriggered") for row in lately), "what ended just now")
    refused(10001, "positions of nothing in particular", http.get_positions, **LINEAR)
    refused(10001, "positions by the thousand", http.get_positions, **BTC, limit=1000)
    order(kind="Market")
    http.place_order(category="linear", symbol="ETHUSDT", side="Buy", orderType="Market", qty="0.1")
    first = http.get_positions(**LINEAR, settleCoin="USDT", limit=1)["result"]
    second = http.get_positions(**LINEAR, settleCoin="USDT", limit=1, cursor=first["nextPageCursor"])["result"]
    checks.equal({row["symbol"] for row in first["list"] + second["list"]}, {"BTCUSDT", "ETHUSDT"}, "positions in pages")
    flat()
    flat("ETHUSDT")


def money():
    """Balances, the funding account, settings of the account."""
    whole = listed(http.get_wallet_balance(accountType="UNIFIED", coin="BTC,USDT"))[0]["coin"]
    checks.equal([(row["coin"], row["walletBalance"] == "0") for row in whole], [("BTC", True), ("USDT", False)], "coins that are asked for")
    moved = {"coin": "USDT", "amount": "100", "fromAccountType": "UNIFIED", "toAccountType": "FUND"}
    name = "11111111-2222-3333-4444-555555555555"
    before = float(http.get_coin_balance(accountType="UNIFIED", coin="USDT")["result"]["balance"]["walletBalance"])
    checks.equal(http.create_internal_transfer(transferId=name, **moved)["result"]["status"], "SUCCESS", "money is moved")
    checks.near(http.get_coin_balance(accountType="FUND", coin="USDT")["result"]["balance"]["walletBalance"], 100, "it is there")
    checks.near(http.get_coin_balance(accountType="UNIFIED", coin="USDT")["result"]["balance"]["walletBalance"], before - 100, "and gone here")
    refused(10014, "the same transfer again", http.create_internal_transfer, transferId=name, **moved)
    refused(131212, "more than there is", http.create_internal_transfer, transferId=name[:-1] + "6", **{**moved, "amount": "9999999"})
    back = {**moved, "fromAccountType": "FUND", "toAccountType": "UNIFIED"}
    http.create_internal_transfer(transferId=name[:-1] + "7", **back)
    rows = listed(http.get_internal_transfer_records())
    checks.equal([(row["fromAccountType"], row["status"]) for row in rows], [("FUND", "SUCCESS"), ("UNIFIED", "SUCCESS")], "both are recorded")
    entry = listed(http.get_transaction_log(type="TRANSFER_IN"))[0]
    checks.near(entry["change"], 100, "and in the log of transactions")
    refused(10001, "a name that is no UUID", http.create_internal_transfer, transferId="x", **moved)
    http.set_dcp(product="DERIVATIVES", timeWindow=40)
    checks.equal(http.query_dcp_info()["result"]["dcpInfos"][0]["timeWindow"], "40", "the end of all orders is armed")
    refused(10001, "too short a while", http.set_dcp, product="DERIVATIVES", timeWindow=2)
    checked = http.pre_check_order(**BTC, side="Buy", orderType="Market", qty="0.1")["result"]
    checks.that(checked["postImrE4"] > checked["preImrE4"], "an order is checked before")
    refused(3400045, "a mode there is not", http.set_margin_mode, setMarginMode="PORTFOLIO_MARGIN")
    refused(10001, "leverage below one", http.set_leverage, **BTC, buyLeverage="0", sellLeverage="0")
    order(kind="Market")
    refused(110015, "margin of a shared position", http.add_or_reduce_margin, **BTC, margin="10", positionIdx=0)
    refused(110076, "margin by itself of a shared position", http.set_auto_add_margin, **BTC, autoAddMargin=1, positionIdx=0)
    flat()
    checks.equal({row["positionIdx"] for row in listed(http.get_positions(**BTC))}, {0}, "one position")
    limits = [len(listed(anybody.get_adl_alert(symbol="ETHUSDT"))), len(listed(anybody.get_insurance(coin="BTC")))]
    checks.equal(limits, [1, 0], "alerts by symbol, insurance by coin")
    levels = anybody.get_rpi_orderbook(**BTC, limit=5)["result"]["b"]
    checks.equal([len(level) for level in levels], [3] * 5, "the book with improvement")


def hedge():
    flat()
    http.switch_position_mode(**BTC, mode=3)
    rows = listed(http.get_positions(**BTC))
    checks.equal([row["positionIdx"] for row in rows], [1, 2], "two positions")
    refused(10001, "the index of one-way mode", http.place_order, **BTC, side="Buy", orderType="Market", qty="0.01")
    order(kind="Market", qty="0.03", positionIdx=1)
    order("Sell", kind="Market", qty="0.02", positionIdx=2)
    rows = listed(http.get_positions(**BTC))
    checks.equal([(row["side"], row["size"]) for row in rows], [("Buy", "0.030"), ("Sell", "0.020")], "long and short at once")
    refused(110024, "another mode with positions", http.switch_position_mode, **BTC, mode=0)
    order("Sell", kind="Market", qty="0.03", positionIdx=1, reduceOnly=True)
    order(kind="Market", qty="0.02", positionIdx=2, reduceOnly=True)
    http.switch_position_mode(**BTC, mode=0)
    checks.equal(len(listed(http.get_positions(**BTC))), 1, "one-way again")
    checks.equal(listed(http.get_positions(**LINEAR, settleCoin="USDT")), [], "only what is held by coin")


def isolated():
    flat()
    http.set_margin_mode(setMarginMode="ISOLATED_MARGIN")
    order(kind="Market", qty="0.1")
    before = float(position()["liqPrice"])
    http.add_or_reduce_margin(**BTC, margin="100", positionIdx=0)
    checks.that(float(position()["liqPrice"]) < before, "margin moves the liquidation away")
    http.set_auto_add_margin(**BTC, autoAddMargin=1, positionIdx=0)
    checks.equal(position()["autoAddMargin"], 1, "margin by itself")
    http.set_auto_add_margin(**BTC, autoAddMargin=0, positionIdx=0)
    before = last()
    admin.price("BTCUSDT", f"{round(float(position()['liqPrice']) * 0.99)}")
    checks.equal(position()["size"], "0.000", "liquidated")
    forced = [row for row in listed(http.get_executions(**BTC)) if row["createType"].startswith("CreateBy")]
    checks.that(any(row["createType"] in ("CreateByLiq", "CreateByTakeOver_PassThrough") for row in forced), "by the exchange")
    admin.price("BTCUSDT", f"{round(before)}")
    http.set_margin_mode(setMarginMode="REGULAR_MARGIN")


def funding():
    flat()
    order(kind="Market", qty="0.1")
    wallet = float(listed(http.get_wallet_balance(accountType="UNIFIED"))[0]["totalWalletBalance"])
    admin("POST", "/admin/funding", symbol="BTCUSDT", rate="0.001")
    paid = listed(http.get_executions(**BTC, execType="Funding"))[0]
    value = float(paid["execValue"])
    checks.near(paid["execFee"], value * 0.001, "funding is paid", 0.01)
    after = float(listed(http.get_wallet_balance(accountType="UNIFIED"))[0]["totalWalletBalance"])
    checks.near(after, wallet - value * 0.001, "out of the wallet", 0.01)
    entry = listed(http.get_transaction_log(accountType="UNIFIED", type="SETTLEMENT"))[0]
    checks.near(entry["funding"], -value * 0.001, "the log has the other sign", 0.01)
    checks.equal(listed(anybody.get_funding_rate_history(**BTC))[0]["fundingRate"], "0.001", "everybody can see the rate")
    flat()


def public_stream():
    stream = unified.WebSocket(testnet=False, channel_type="linear")
    book, top, trades, ticker, kline = Heard(), Heard(), Heard(), Heard(), Heard()
    rpi, limits, insurance = Heard(), Heard(), Heard()
    stream.rpi_orderbook_stream("BTCUSDT", rpi)
    stream.price_limit_stream("BTCUSDT", limits)
    stream.insurance_pool_stream("USDT", insurance)
    stream.orderbook_stream(50, "BTCUSDT", book)
    stream.orderbook_stream(1, "BTCUSDT", top)
    stream.trade_stream("BTCUSDT", trades)
    stream.ticker_stream("BTCUSDT", ticker)
    stream.kline_stream(1, "BTCUSDT", kline)
    checks.eventually(lambda: book.messages and ticker.messages and kline.messages and top.messages, "snapshots come")
    for _ in range(10):
        admin.forward(1)
    checks.eventually(lambda: len(book.messages) > 5, "deltas come")
    shown = book.messages[-1]["data"]
    checks.that(len(shown["b"]) == 50 and len(shown["a"]) == 50, "pybit's book stays whole", f"{len(shown['b'])}")
    direct = anybody.get_orderbook(**BTC, limit=50)["result"]
    time.sleep(0.3)
    shown = book.messages[-1]["data"]
    checks.equal(sorted(map(tuple, shown["b"])), sorted(map(tuple, direct["b"])), "and equals the book by request")
    checks.that(rpi.messages and {len(level) for level in rpi.messages[0]["data"]["b"]} == {3}, "the book with improvement by stream")
    checks.eventually(lambda: limits.messages[0]["data"]["symbol"] == "BTCUSDT", "the price band by stream")
    checks.eventually(lambda: insurance.messages[0]["topic"] == "insurance.USDT", "the insurance fund by stream")
    rows = trades.rows()
    checks.that(rows and {"T", "s", "S", "v", "p", "L", "i", "BT"} <= set(rows[0]), "public trades are told")
    checks.that(ticker.messages[-1]["data"]["symbol"] == "BTCUSDT" and "markPrice" in ticker.messages[-1]["data"], "tickers")
    admin.forward(70)
    checks.eventually(lambda: any(row["confirm"] for row in kline.rows()), "candles are confirmed")
    closed = [row for row in kline.rows() if row["confirm"]][0]
    checks.equal(closed["end"] - closed["start"], 59_999, "a candle of a minute")
    found = listed(anybody.get_kline(**BTC, interval="1", start=closed["start"], end=closed["start"]))[0]
    checks.equal((found[1], found[4]), (closed["open"], closed["close"]), "stream and request agree")
    stream.exit()


def private_stream():
    stream = unified.WebSocket(testnet=False, channel_type="private", api_key=key, api_secret=secret,
                                private_auth_expire=10)
    orders, executions, positions, wallet, fast = Heard(), Heard(), Heard(), Heard(), Heard()
    stream.order_stream(orders)
    stream.execution_stream(executions)
    stream.position_stream(positions)
    stream.wallet_stream(wallet)
    stream.fast_execution_stream(fast)
    time.sleep(1)
    made = order(price=f"{round(last() * 0.9)}", orderLinkId="heard-1")
    checks.eventually(lambda: orders.rows()[-1]["orderStatus"] == "New", "a new order is told")
    http.cancel_order(**BTC, orderId=made)
    checks.eventually(lambda: orders.rows()[-1]["orderStatus"] == "Cancelled", "its end is told")
    checks.equal(orders.rows()[-1]["category"], "linear", "with its category")
    bought = order(kind="Market", qty="0.01")
    checks.eventually(lambda: executions.rows()[-1]["orderId"] == bought, "executions are told")
    checks.eventually(lambda: positions.rows()[-1]["size"] == "0.010", "positions are told")
    checks.that("entryPrice" in positions.rows()[-1] and "avgPrice" not in positions.rows()[-1], "with the stream's names")
    checks.eventually(lambda: fast.rows()[-1]["orderId"] == bought, "executions are told fast")
    checks.that("execFee" not in fast.rows()[-1], "and short")
    checks.eventually(lambda: wallet.rows()[-1]["coin"][0]["coin"] == "USDT", "the wallet is told")
    flat()
    checks.eventually(lambda: positions.rows()[-1]["size"] in ("0", "0.000"), "a flat position is told")
    checks.equal(positions.rows()[-1]["liqPrice"], "0", "with zeros rather than nothing")
    stream.exit()
    bad = unified.WebSocket(testnet=False, channel_type="private", api_key=key, api_secret="wrong", retries=2,
                            restart_on_error=False)
    checks.eventually(lambda: not bad.is_connected(), "a wrong secret is turned away")


def trade_stream():
    stream = unified.WebSocketTrading(testnet=False, api_key=key, api_secret=secret, private_auth_expire=10)
    time.sleep(1)
    made, wrong, moved, gone = Heard(), Heard(), Heard(), Heard()
    low = f"{round(last() * 0.9)}"
    terms = {"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": low}
    stream.place_order(made, **BTC, **terms, orderLinkId="ws-1")
    checks.eventually(lambda: made.messages[0]["data"]["orderLinkId"] == "ws-1", "an order by stream")
    checks.that("X-Bapi-Limit" in made.messages[0]["header"], "the limit is told there too")
    stream.amend_order(moved, **BTC, orderLinkId="ws-1", qty="0.02")
    checks.eventually(lambda: moved.messages[0]["retCode"] == 0, "amended by stream")
    checks.equal(kept(made.messages[0]["data"]["orderId"])["qty"], "0.020", "it holds")
    stream.place_order(wrong, error_callback=wrong, **BTC, **{**terms, "qty": "0.00001"})
    checks.eventually(lambda: wrong.messages[0]["retCode"] == 10001, "refused by stream")
    stream.cancel_order(gone, **BTC, orderLinkId="ws-1")
    checks.eventually(lambda: gone.messages[0]["retCode"] == 0, "cancelled by stream")
    batch = Heard()
    stream.place_batch_order(batch, category="linear", request=[
        {"symbol": "BTCUSDT", **terms, "orderLinkId": "ws-2"}, {"symbol": "BTCUSDT", **terms, "qty": "0.00001"}])
    checks.eventually(lambda: [row["code"] for row in batch.messages[0]["retExtInfo"]["list"]] == [0, 10001], "a batch by stream")
    more, gone = Heard(), Heard()
    stream.place_batch_order(more, category="linear", request=[{"symbol": "BTCUSDT", **terms, "orderLinkId": f"ws-{n}"} for n in (3, 4)])
    checks.eventually(lambda: [row["code"] for row in more.messages[0]["retExtInfo"]["list"]] == [0, 0], "another batch by stream")
    changed = Heard()
    stream.amend_batch_order(changed, category="linear", request=[{"symbol": "BTCUSDT", "orderLinkId": "ws-3", "qty": "0.03"}])
    checks.eventually(lambda: changed.messages[0]["retExtInfo"]["list"][0]["code"] == 0, "a batch amended by stream")
    stream.cancel_batch_order(gone, category="linear", request=[{"symbol": "BTCUSDT", "orderLinkId": n} for n in ("ws-3", "no-such")])
    checks.eventually(lambda: [row["code"] for row in gone.messages[0]["retExtInfo"]["list"]] == [0, 110001], "a batch cancelled by stream")
    elsewhere = Heard()
    stream.place_order(elsewhere, error_callback=elsewhere, **{**BTC, **terms, "category": "spot"})
    checks.eventually(lambda: elsewhere.messages[0]["retCode"] == 10404, "a category there is not")
    stream.exit()
    http.cancel_all_orders(**BTC)


def faults():
    admin.fault(on="rest", match="/v5/order/create", do="timeout", ms=3_000)
    hurried = session(key, secret, timeout=1, max_retries=1)
    low = f"{round(last() * 0.9)}"
    try:
        hurried.place_order(**BTC, side="Buy", orderType="Limit", qty="0.01", price=low, orderLinkId="lost-1")
        checks.that(False, "an answer that never comes")
    except Exception:
        checks.that(True, "an answer that never comes")
    refused(110072, "but the order is there", http.place_order, **BTC, side="Buy", orderType="Limit", qty="0.01", price=low,
            orderLinkId="lost-1")
    http.cancel_all_orders(**BTC)
    admin.fault(on="rest", match="/v5/market/time", do="status", status=502)
    refused(502, "an HTTP error", anybody.get_server_time)
    admin.fault(on="rest", match="/v5/market/time", do="code", code=10016)
    refused(10016, "an error of the server", anybody.get_server_time)
    admin("POST", "/admin/state", maintenance=True)
    refused(503, "maintenance", anybody.get_server_time)
    admin("POST", "/admin/state", maintenance=False, ban=True)
    refused(403, "a ban", anybody.get_server_time)
    admin("POST", "/admin/state", ban=False, skew_ms=60_000)
    checks.equal(raw("GET", "/v5/account/info").json()["retCode"], 10002, "a clock that is off")
    admin("POST", "/admin/state", skew_ms=0)
    checks.equal(raw("GET", "/v5/account/info").json()["retCode"], 0, "and right again")


for part in (market_data, candles, authentication, account, life, fills, refusals, batches, stops, conditionals, amendments,
             terms_of_orders, pages, money, hedge, isolated, funding, public_stream, private_stream, trade_stream, faults):
    began = time.monotonic()
    try:
        part()
    except Exception as error:  # one part that breaks must not hide the others
        import traceback
        traceback.print_exc()
        checks.that(False, part.__name__, f"broke off: {type(error).__name__}: {error}")
    print(f"{part.__name__}: {time.monotonic() - began:.1f} s", flush=True)
sys.exit(checks.close())
