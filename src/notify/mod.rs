//! who is told what, when, in which words, beside the thin senders
