//! The journal as evidence: entries that hang on one another, so that none can be changed, taken out or moved without
//! its being seen, and a signed line a day by which somebody else can tell that the whole wasn't written anew.
//!
//! | file | what lives there |
//! |---|---|
//! | `chain.rs` | the hash of an entry. Pure |
//! | `verify.rs` | reads a chain from its beginning, and says what is wrong where. Pure |
//! | `head.rs` | the signed line: its text, its signature |
//! | `key.rs` | the key in the data folder |
//! | `body.rs` | what stands in the entries |
//! | `coverage.rs` | when agents measured at a practice, and when that must be told. Pure |
//!
//! What a chain by itself proves: nobody changed the past without writing anew all that came after. Who can write
//! to the data folder can do that, and can sign it, since the key lies there too. What he can't do is make it agree with a
//! head that has left the folder: that is why heads are to be sent away ([`Head`]).

pub mod body;
mod chain;
pub mod coverage;
mod head;
mod key;
mod verify;

pub use chain::{Hash, NotAHash, content, link};
pub use head::{BadHead, Head};
pub use key::{JournalKey, KeyError};
pub use verify::{Base, Checked, Fault, Kept, Removed, Tip, Verifier};
