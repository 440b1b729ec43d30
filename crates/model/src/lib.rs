//! The nouns of trading: instruments, candles, orders, fills, facts, commands, records and notices.
