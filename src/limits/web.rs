//! Bounds of the status page and the API (`hub`), and of the commands that ask it.

use std::time::Duration;

/// How long a reader of the status page or API may take for one request. Pages are built from memory in
/// milliseconds; the rest is a slow line, or somebody holding the connection on purpose.
pub const HTTP_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest body that the API accepts, in bytes. Nothing in this version takes a body beyond a few words.
pub const HTTP_BODY_BYTES_MAX: usize = 64 * 1024;

/// Practices written at a time into `/metrics`: with a dozen checks of half a dozen phases each, a piece is
/// about half a megabyte, and writing it holds a worker thread for a millisecond.
pub const METRICS_PIECE_PRACTICES: usize = 64;

/// Connections to the status page and API at once. A county's service desk is dozens; each costs a few
/// kilobytes and a descriptor. When there are more, the one that is idle longest yields; while all are used, they wait in the system's queue.
pub const HTTP_CONNECTIONS_MAX: usize = 256;

/// Header lines of one request, and bytes of all of them: browsers send about twenty lines and 2 KiB.
pub const HTTP_HEADERS_MAX: usize = 64;
pub const HTTP_HEADER_BYTES_MAX: usize = 16 * 1024;

/// Requests under way over one HTTP/2 connection: an agent has two or three, a browser a handful.
pub const HTTP_STREAMS_MAX: u32 = 16;

/// Bytes that an HTTP/2 peer may send before it is told that there is room for more, over all its requests: a batch of an agent's fits
/// without waiting.
pub const HTTP_WINDOW_BYTES: u32 = 256 * 1024;

/// Bytes of an answer that wait for an HTTP/2 peer to take them. A page fits.
pub const HTTP_SEND_BYTES_MAX: usize = 64 * 1024;

/// No connection lasts longer, so that one that is read a byte at a time is let go in the end.
pub const HTTP_CONNECTION_AGE_MAX: Duration = Duration::from_mins(5);

/// How long a busy connection may take to end once it was asked to.
pub const HTTP_FAREWELL: Duration = Duration::from_secs(2);

/// After a connection couldn't be taken: long enough not to spin, short enough for nobody to notice.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the API waits for the pipeline to explain an incident.
pub const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Up to this many practices, the overview draws each of them; a larger estate's healthy ones are only
/// counted, so that what is wrong isn't lost among six thousand cells.
pub const PAGE_GRID_ALL_MAX: usize = 400;

/// Cells drawn for one network at most: more than anybody reads, and a page of a hundred kilobytes.
pub const PAGE_CELLS_MAX: usize = 500;

/// Notes on the overview, and events in an incident's history, that are drawn at most.
pub const PAGE_NOTES_MAX: usize = 100;
pub const PAGE_HISTORY_MAX: usize = 200;

/// How long a command waits for a running linewatch: its own server gives up after
/// [`HTTP_REQUEST_TIMEOUT`], so a little longer.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(12);

/// Longest answer that a command takes, in bytes: a status with two hundred open incidents of six thousand
/// practices each is about twenty million.
pub const CLIENT_ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Notes that `linewatch status` prints at most, so that the incidents above them stay on the screen.
pub const STATUS_NOTES_SHOWN: usize = 20;
