//! SQLite: incidents, outbox, state changes, journal; the only place with SQL
