//! one file a kind of check; the sockets live here
