//! The seats that there are for connections: who has one, and who gives theirs up when somebody else comes and all are taken.
//!
//! Whoever opens connections and says nothing would otherwise keep everybody out for as long as each of them may be idle. So the one over
//! which nothing has happened for longest yields: first among those who haven't shown who they are, whatever they have begun to say, then
//! among those who have and wait for nothing. A request of somebody who is known is under way until the last piece of its
//! answer was taken, and isn't cut off by it until then. The same holds within the share of one source.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Extensions;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::limits::{HTTP_REQUEST_TIMEOUT, HTTP_SEND_BYTES_MAX};
use crate::reflector::limiter::{Held, one_household};

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    pub all: usize,
    /// Of one address, or of one IPv6 household.
    pub per_peer: usize,
}

/// All seats of one listener.
#[derive(Debug)]
pub struct Seats {
    most: Most,
    book: Mutex<Book>,
    /// One was given back, or whoever has it waits for nothing now. One task waits for that: who takes connections.
    changed: Notify,
}

/// One seat; given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    sitter: Sitter,
    leave: CancellationToken,
}

/// Who sits there, as a connection's requests have it.
#[derive(Debug, Clone)]
pub struct Sitter {
    seats: Arc<Seats>,
    number: u64,
}

/// A request under way; over when it is dropped.
#[derive(Debug)]
pub struct UnderWay(Sitter);

/// An answer whose request is under way until its last piece was taken. It leaves in pieces that wait for the peer to take them: of a
/// page in one piece the server would be rid at once, however long its peer reads.
#[derive(Debug)]
pub struct Answer {
    body: Body,
    /// Of the body, what was taken out of it and hasn't left.
    next: Bytes,
    _under_way: UnderWay,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    taken: BTreeMap<u64, Place>,
    held: Held,
}

#[derive(Debug)]
struct Place {
    source: IpAddr,
    /// Something that was asked over it showed a good key or token.
    is_known: bool,
    was_asked: bool,
    under_way: usize,
    /// When something last happened: it was taken, or a request began or ended.
    since: Instant,
    leave: CancellationToken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoSeat {
    /// The source holds its share, and uses it.
    Crowd,
    /// All are taken, and used.
    Full,
}

impl Seats {
    pub fn new(most: Most) -> Arc<Self> {
        Arc::new(Self { most, book: Mutex::default(), changed: Notify::new() })
    }

    /// A seat for a connection from there, when there is one. `None`: its source holds its share of them, and uses it.
    pub async fn seat(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        loop {
            let leave = CancellationToken::new();
            let taken = self.lock().take(peer, self.most, Instant::now(), leave.clone());
            match taken {
                Ok(number) => return Some(Seat { sitter: Sitter { seats: self.clone(), number }, leave }),
                Err(NoSeat::Crowd) => return None,
                Err(NoSeat::Full) => self.changed.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        // What is behind it stays sound whatever happens: each change is one of one entry.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn take(
        &mut self,
        peer: IpAddr,
        most: Most,
        now: Instant,
        leave: CancellationToken,
    ) -> Result<u64, NoSeat> {
        let source = one_household(peer);
        if !self.held.take(peer, most.per_peer) {
            self.make_room(|place| place.source == source).ok_or(NoSeat::Crowd)?;
            let _there_is_room_now = self.held.take(peer, most.per_peer);
        }
        if self.taken.len() >= most.all && self.make_room(|_| true).is_none() {
            self.held.give_back(peer);
            return Err(NoSeat::Full);
        }
        let number = self.next;
        self.next += 1;
        let place = Place { source, is_known: false, was_asked: false, under_way: 0, since: now, leave };
        self.taken.insert(number, place);
        Ok(number)
    }

    /// Has somebody yield, who is told to go; `None`: nobody can. Only when all are taken are all looked at.
    fn make_room(&mut self, among: impl Fn(&Place) -> bool) -> Option<()> {
        let may = self.taken.iter().filter(|(_, place)| !place.is_known || place.under_way == 0);
        let longest = may.filter(|(_, place)| among(place));
        let number = *longest.min_by_key(|(_, place)| (place.is_known, place.since))?.0;
        self.give_back(number).map(|place| place.leave.cancel())
    }

    fn give_back(&mut self, number: u64) -> Option<Place> {
        let place = self.taken.remove(&number)?;
        self.held.give_back(place.source);
        Some(place)
    }
}

impl Seat {
    pub fn sitter(&self) -> &Sitter {
        &self.sitter
    }

    /// Returns when it has been given to somebody else.
    pub async fn is_needed(&self) {
        self.leave.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Sitter { seats, number } = &self.sitter;
        drop(seats.lock().give_back(*number));
        seats.changed.notify_one();
    }
}

impl Sitter {
    /// A request begins.
    pub fn begin(&self) -> UnderWay {
        self.note(|place| (place.under_way, place.was_asked) = (place.under_way + 1, true));
        UnderWay(self.clone())
    }

    /// Whether anything was ever asked.
    pub fn was_asked(&self) -> bool {
        self.seats.lock().taken.get(&self.number).is_some_and(|place| place.was_asked)
    }

    /// Returns once nothing is under way and nothing has happened for too long: a first request has as much time as the head of one in
    /// HTTP/1, the next ones twice that.
    pub async fn is_idle(&self) {
        loop {
            let until = {
                let book = self.seats.lock();
                let Some(place) = book.taken.get(&self.number) else { return };
                let may = if place.was_asked { HTTP_REQUEST_TIMEOUT * 2 } else { HTTP_REQUEST_TIMEOUT };
                if place.under_way == 0 { place.since + may } else { Instant::now() + may }
            };
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn note(&self, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.seats.lock().taken.get_mut(&self.number) {
            change(place);
            place.since = Instant::now();
        }
    }
}

impl UnderWay {
    pub fn with(self, body: Body) -> Answer {
        Answer { body, next: Bytes::new(), _under_way: self }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.next.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            };
            match frame.into_data() {
                Ok(data) => self.next = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let most = self.next.len().min(HTTP_SEND_BYTES_MAX);
        Poll::Ready(Some(Ok(Frame::data(self.next.split_to(most)))))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (left, next) = (self.body.size_hint(), self.next.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(left.lower() + next);
        if let Some(upper) = left.upper() {
            hint.set_upper(upper + next);
        }
        hint
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.note(|place| place.under_way = place.under_way.saturating_sub(1));
        self.0.seats.changed.notify_one();
    }
}

/// Whoever asked this has shown a good key or token.
pub fn is_known(of_request: &Extensions) {
    if let Some(sitter) = of_request.get::<Sitter>() {
        sitter.note(|place| place.is_known = true);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt as _;

    use super::*;

    const MOST: Most = Most { all: 4, per_peer: 3 };

    fn from(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// A book with four seats taken, a second apart; the first has come from another source than the rest.
    fn full() -> (Book, Instant) {
        let now = Instant::now();
        let mut book = Book::default();
        for (n, source) in [1, 2, 2, 2].into_iter().enumerate() {
            let at = now + Duration::from_secs(n as u64);
            assert_eq!(book.take(from(source), MOST, at, CancellationToken::new()), Ok(n as u64));
        }
        (book, now + Duration::from_secs(10))
    }

    fn change(book: &mut Book, number: u64, change: impl FnOnce(&mut Place)) {
        change(book.taken.get_mut(&number).expect("taken"));
    }

    #[test]
    fn the_one_that_was_idle_longest_yields_and_those_who_are_known_last() {
        let (mut book, now) = full();
        let told = book.taken[&0].leave.clone();
        change(&mut book, 1, |place| (place.is_known, place.under_way) = (true, 1));
        change(&mut book, 2, |place| place.is_known = true);
        change(&mut book, 3, |place| (place.under_way, place.since) = (1, now));
        let mut gone = Vec::new();
        let mut newcomer = |book: &mut Book, source: u8| {
            let before: Vec<u64> = book.taken.keys().copied().collect();
            let taken = book.take(from(source), MOST, now, CancellationToken::new());
            gone.extend(before.into_iter().filter(|number| !book.taken.contains_key(number)));
            let number = taken?;
            change(book, number, |place| (place.is_known, place.under_way) = (true, 1));
            Ok(number)
        };
        assert_eq!(newcomer(&mut book, 3), Ok(4));
        assert!(told.is_cancelled(), "it is told");
        assert_eq!(newcomer(&mut book, 4), Ok(5), "a request of nobody knows whom");
        assert_eq!(newcomer(&mut book, 5), Ok(6), "one that is known, and waits for nothing");
        assert_eq!(newcomer(&mut book, 6), Err(NoSeat::Full), "all are used");
        assert_eq!(gone, [0, 3, 2]);
        assert!(book.held.take(from(6), 1), "who got none holds none");
    }

    #[test]
    fn within_the_share_of_a_source_its_own_yield_and_nobody_elses() {
        let (mut book, now) = full();
        assert_eq!(book.take(from(2), MOST, now, CancellationToken::new()), Ok(4));
        assert_eq!(book.taken.keys().copied().collect::<Vec<_>>(), [0, 2, 3, 4]);
        for number in [2, 3, 4] {
            change(&mut book, number, |place| (place.is_known, place.under_way) = (true, 1));
        }
        assert_eq!(book.take(from(2), MOST, now, CancellationToken::new()), Err(NoSeat::Crowd));
        assert_eq!(book.take(from(9), MOST, now, CancellationToken::new()), Ok(5), "of all, the first");
        assert!(!book.taken.contains_key(&0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_all_used_is_seated_when_one_is_given_back_or_waits_for_nothing() {
        let seats = Seats::new(Most { all: 2, per_peer: 2 });
        let (first, second) =
            (seats.seat(from(1)).await.expect("room"), seats.seat(from(1)).await.expect("room"));
        let of = |seat: &Seat| {
            let mut extensions = Extensions::new();
            extensions.insert(seat.sitter().clone());
            is_known(&extensions);
            seat.sitter().begin()
        };
        let (one, other) = (of(&first), of(&second));
        let newcomer = |last: u8| {
            let seats = seats.clone();
            tokio::spawn(async move { seats.seat(from(last)).await.expect("its source has none") })
        };
        let third = newcomer(2);
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        drop(one);
        let third = third.await.expect("seated");
        first.is_needed().await;
        drop(first);
        assert_eq!(seats.lock().taken.len(), 2, "its seat was given back once");
        let busy = of(&third);
        let fourth = newcomer(3);
        tokio::task::yield_now().await;
        assert!(!fourth.is_finished());
        drop((other, second));
        let fourth = fourth.await.expect("seated");
        drop((busy, third, fourth));
        assert!(seats.lock().taken.is_empty());
    }

    #[tokio::test]
    async fn a_request_is_under_way_until_the_last_piece_of_its_answer_was_taken() {
        let seats = Seats::new(MOST);
        let seat = seats.seat(from(1)).await.expect("room");
        let under_way = || seats.lock().taken[&0].under_way;
        let page: Vec<u8> = (0..=u8::MAX).cycle().take(2 * HTTP_SEND_BYTES_MAX + 100).collect();
        let mut answer = seat.sitter().begin().with(Body::from(page.clone()));
        let mut taken = Vec::new();
        for piece in [HTTP_SEND_BYTES_MAX, HTTP_SEND_BYTES_MAX, 100] {
            assert!(!answer.is_end_stream());
            assert_eq!(answer.size_hint().exact(), Some((page.len() - taken.len()) as u64));
            let frame = answer.frame().await.expect("a piece").expect("no error");
            let data = frame.into_data().expect("data");
            assert_eq!((data.len(), under_way()), (piece, 1));
            taken.extend_from_slice(&data);
        }
        assert!(answer.is_end_stream() && answer.frame().await.is_none());
        assert_eq!(taken, page);
        drop(answer);
        assert_eq!(under_way(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_request_is_waited_for_half_as_long_as_the_next_and_one_under_way_for_ever() {
        let seats = Seats::new(MOST);
        let seat = seats.seat(from(1)).await.expect("room");
        let idle = async |seat: &Seat| {
            let begun = Instant::now();
            seat.sitter().is_idle().await;
            begun.elapsed().as_secs()
        };
        assert_eq!(idle(&seat).await, HTTP_REQUEST_TIMEOUT.as_secs());
        drop(seat.sitter().begin());
        assert_eq!(idle(&seat).await, 2 * HTTP_REQUEST_TIMEOUT.as_secs());
        let _busy = seat.sitter().begin();
        let ever = tokio::time::timeout(Duration::from_hours(1), seat.sitter().is_idle()).await;
        assert!(ever.is_err() && seat.sitter().was_asked());
    }
}
