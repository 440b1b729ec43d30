"""Counts what holds and says what does not."""

import json
import threading
import time
import urllib.request


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, []

    def that(self, holds, name, detail=""):
        if holds:
            self.passed += 1
        else:
            self.failed.append(f"{name}: {detail}"[:600])
            print(f"NOT SO: {name}: {detail}"[:600], flush=True)

    def equal(self, found, wanted, name):
        self.that(found == wanted, name, f"found {found!r}, wanted {wanted!r}")

    def near(self, found, wanted, name, by=1e-6):
        self.that(abs(float(found) - float(wanted)) <= by, name, f"found {found!r}, wanted {wanted!r}")

    def eventually(self, holds, name, seconds=30.0):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if holds():
                    return self.that(True, name)
            except (IndexError, KeyError):
                pass
            time.sleep(0.02)
        return self.that(False, name, f"not within {seconds} s")

    def close(self):
        """Prints the closing line; the number of failures is the exit code."""
        print(f"CHECKS: {self.passed} passed, {len(self.failed)} failed", flush=True)
        return min(len(self.failed), 100)


class Admin:
    """The admin interface of the exchange."""

    def __init__(self, address):
        self.base = f"http://{address}"

    def __call__(self, method, path, **body):
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def price(self, symbol, price):
        self("POST", "/admin/price", symbol=symbol, price=str(price))

    def forward(self, seconds):
        self("POST", "/admin/time", advance_ms=int(seconds * 1000))

    def fault(self, **terms):
        return self("POST", "/admin/faults", **terms)["id"]


class Heard:
    """What came on a stream."""

    def __init__(self):
        self.messages, self.lock = [], threading.Lock()

    def __call__(self, message):
        with self.lock:
            self.messages.append(message)

    def rows(self):
        with self.lock:
            return [row for message in self.messages for row in message.get("data", [])]

    def clear(self):
        with self.lock:
            self.messages.clear()
