//! What a queue holds unread, by the record.

use super::super::cancelled::Stop;
use super::*;

fn chunk(data: &str, cancelled: &Cancelled) -> Record {
    Record {
        id: 1,
        tag: 2,
        kind: Kind::Chunk,
        data: data.as_bytes().to_vec().into(),
        response: None,
        cancelled: Some(cancelled.clone()),
        lost: None,
        room: None,
        weight: None,
    }
}

#[test]
fn what_was_taken_is_no_longer_unread() {
    let queue = EventQueue::new();
    let open = Cancelled::default();
    queue.push(chunk("0123456789", &open));
    let one = queue.unread();
    assert_eq!(one, size_of::<Record>() as u64 + 10);
    queue.push(chunk("0123456789", &open));
    assert_eq!(queue.unread(), 2 * one);
    let taken = queue.take(1);
    assert_eq!((taken.len(), queue.unread()), (1, one));
    queue.close();
    assert_eq!(queue.unread(), 0);
    queue.push(chunk("for nobody", &open));
    assert_eq!(queue.unread(), 0);
}

#[test]
fn a_response_weighs_what_it_holds() {
    let queue = EventQueue::new();
    let mut response = Response::default();
    response.set_body(vec![b'x'; 1000]);
    queue.push(Record {
        kind: Kind::Done,
        response: Some(ResponseBox::from(response)),
        ..chunk("", &Cancelled::default())
    });
    let held = size_of::<Record>() + size_of::<Response>() + 1000;
    assert_eq!(queue.unread(), held as u64);
}

#[test]
fn cancelled_chunks_make_room_while_the_reader_waits() {
    let queue = EventQueue::new();
    let cancelled = Cancelled::default();
    queue.push(chunk("0123456789", &cancelled));
    cancelled.set(Stop::Cancelled);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| queue.wait(1, None));
        // The reader passes over the chunk and goes on waiting.
        while queue.unread() > 0 {
            std::thread::yield_now();
        }
        queue.wake();
        assert!(reader.join().unwrap().is_empty());
    });
}

#[test]
fn lines_are_bounded_and_the_next_one_tells_what_was_lost() {
    let queue = EventQueue::new();
    for line in ["one", "two", "three", "four"] {
        assert!(queue.log(2, line, 2));
    }
    let texts = |max| {
        let records = queue.take(max);
        assert!(
            records
                .iter()
                .all(|record| record.kind == Kind::Log && record.tag == 2)
        );
        let text = |record: &Record| String::from_utf8(record.data.to_vec()).unwrap();
        records.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(texts(9), ["one", "two"]);
    assert!(queue.log(2, "five", 2) && queue.log(2, "six", 2));
    let lines = texts(9);
    assert!(lines[0].contains("2 lines were lost") && lines[0].ends_with("five"));
    assert_eq!(lines[1], "six");
    assert_eq!(queue.unread(), 0, "lines hold no requests back");
    queue.close();
    assert!(!queue.log(2, "seven", 2));
}

#[test]
fn places_of_a_stream_come_back_all_at_once() {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    use tokio::sync::Semaphore;

    struct Count(AtomicUsize, Arc<Semaphore>);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            // Whoever is woken for one place finds the others there too.
            self.0
                .store(1 + self.1.available_permits(), Ordering::SeqCst);
        }
    }

    let queue = EventQueue::new();
    let streams = [8, 5].map(|most| Arc::new(Semaphore::new(most)));
    for at in 0..13 {
        // The two take turns as long as both have something.
        let room = &streams[usize::from(at < 10 && at % 2 == 1)];
        queue.push(Record {
            room: Some(room.clone().try_acquire_owned().unwrap()),
            ..chunk("", &Cancelled::default())
        });
    }
    let seen = streams
        .clone()
        .map(|room| Arc::new(Count(AtomicUsize::new(0), room)));
    let mut waits = streams.clone().map(|room| Box::pin(room.acquire_owned()));
    for (wait, seen) in waits.iter_mut().zip(&seen) {
        let waker = Waker::from(seen.clone());
        let mut context = Context::from_waker(&waker);
        assert!(pin!(wait).poll(&mut context).is_pending());
    }
    release(queue.take(13));
    assert_eq!(seen.map(|seen| seen.0.load(Ordering::SeqCst)), [8, 5]);
}
