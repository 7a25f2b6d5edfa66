//! Room for the numbers of a matrix. [`super::embeddings`] fills it, the response owns it, and C reads it.
//!
//! A large answer takes more time to get fresh memory from the system, page by page, than to be decoded. So large room
//! lies where the system can give it in pages of 2 MiB, and is asked for as such: it then costs a tenth. Where the system
//! has no such pages it is memory like any other. A few large rooms that were given back are kept for the next answers,
//! which then cost nothing of that at all. It must never hand out a value that was not written.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::VecDeque;
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Mutex;

use crate::sync::lock;

/// A page of the large kind, where the system has it.
const LARGE_PAGE: usize = 2 << 20;

/// What is left of the room behind whole large pages is worth one more if it is this much; it is the most that is wasted.
const WORTH_ONE: usize = LARGE_PAGE / 2;

/// How much is kept at most of what was given back. Hosts that collect garbage give back a whole heap of it at once.
const KEPT: usize = 16 * LARGE_PAGE;

static SPARE: Store = Store(Mutex::new(VecDeque::new()));

/// Large rooms that were given back, the oldest first, at most [`KEPT`] in all.
struct Store(Mutex<VecDeque<Spare>>);

/// A room that `alloc` gave for this layout.
struct Spare {
    start: NonNull<u8>,
    room: Layout,
}

impl Drop for Spare {
    fn drop(&mut self) {
        // SAFETY: it was allocated with just this layout, and whoever takes it out of here forgets this.
        unsafe { dealloc(self.start.as_ptr(), self.room) };
    }
}

// SAFETY: it owns its memory alone.
unsafe impl Send for Spare {}

/// A growing list of floats, as `Vec` is.
pub struct Floats {
    /// Of `capacity` values; dangling when there are none.
    start: NonNull<f32>,
    capacity: usize,
    /// So many are written.
    len: usize,
}

// SAFETY: it owns its memory alone, and floats may go to any thread.
unsafe impl Send for Floats {}
// SAFETY: through a shared reference it is only read.
unsafe impl Sync for Floats {}

impl Floats {
    pub const fn new() -> Floats {
        Floats {
            start: NonNull::dangling(),
            capacity: 0,
            len: 0,
        }
    }

    /// How many values there is room for.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Makes room for `more` values, and for about twice as many as before if there was not enough.
    pub fn reserve(&mut self, more: usize) {
        if self.capacity - self.len < more {
            self.reserve_exact(more.max(self.capacity));
        }
    }

    /// Makes room for `more` values and no others.
    pub fn reserve_exact(&mut self, more: usize) {
        if self.capacity - self.len >= more {
            return;
        }
        let capacity = self.len.checked_add(more).expect("fewer than fit");
        let room = layout(capacity);
        let start = SPARE.take(room).cast::<f32>();
        // SAFETY: `len` values are written at the old place, there is room for them at the new one, and the two are
        // apart.
        unsafe { start.copy_from_nonoverlapping(self.start, self.len) };
        self.free();
        (self.start, self.capacity) = (start, capacity);
    }

    pub fn push(&mut self, value: f32) {
        self.reserve(1);
        self.spare_capacity_mut()[0].write(value);
        self.len += 1;
    }

    /// The room behind the values.
    pub fn spare_capacity_mut(&mut self) -> &mut [MaybeUninit<f32>] {
        // SAFETY: all `capacity` values lie in our memory, which is borrowed mutably as long as the slice lives; those
        // behind `len` may hold anything.
        unsafe {
            let start = self.start.add(self.len).cast().as_ptr();
            std::slice::from_raw_parts_mut(start, self.capacity - self.len)
        }
    }

    /// Says how many are written.
    ///
    /// # Safety
    /// There is room for so many, and all of them are written.
    pub unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.capacity);
        self.len = len;
    }

    fn free(&mut self) {
        if self.capacity > 0 {
            // SAFETY: it was taken with just this layout, and nobody uses it any more.
            unsafe { SPARE.give_back(self.start.cast(), layout(self.capacity)) };
        }
    }
}

impl Store {
    /// Gets room that holds anything; its size must not be 0.
    fn take(&self, room: Layout) -> NonNull<u8> {
        if room.align() == LARGE_PAGE {
            let mut spare = lock(&self.0);
            let found = spare.iter().rposition(|spare| spare.room == room);
            if let Some(spare) = found.and_then(|at| spare.remove(at)) {
                return ManuallyDrop::new(spare).start;
            }
        }
        // SAFETY: the size is not 0.
        let Some(start) = NonNull::new(unsafe { alloc(room) }) else {
            handle_alloc_error(room);
        };
        ask_for_large_pages(start, room);
        start
    }

    /// Keeps a large room in place of the oldest ones, and frees any other.
    ///
    /// # Safety
    /// The room was taken with this layout, and nobody uses it any more.
    unsafe fn give_back(&self, start: NonNull<u8>, room: Layout) {
        let given = Spare { start, room };
        if room.align() != LARGE_PAGE || room.size() > KEPT {
            return;
        }
        // The system gets them back once the lock is free.
        let mut old = Vec::new();
        let mut spare = lock(&self.0);
        let mut kept: usize = spare.iter().map(|spare| spare.room.size()).sum();
        while kept + room.size() > KEPT {
            let Some(oldest) = spare.pop_front() else {
                break;
            };
            kept -= oldest.room.size();
            old.push(oldest);
        }
        spare.push_back(given);
        drop(spare);
    }
}

/// What room for so many values is allocated as.
fn layout(capacity: usize) -> Layout {
    let room = || {
        let bytes = capacity.checked_mul(size_of::<f32>())?;
        let (size, align) = match bytes {
            0..WORTH_ONE => (bytes, align_of::<f32>()),
            _ if bytes % LARGE_PAGE < WORTH_ONE => (bytes, LARGE_PAGE),
            // The whole of the last page is to be ours too.
            _ => (bytes.checked_next_multiple_of(LARGE_PAGE)?, LARGE_PAGE),
        };
        Layout::from_size_align(size, align).ok()
    };
    room().expect("a matrix smaller than the address space")
}

#[cfg(target_os = "linux")]
fn ask_for_large_pages(start: NonNull<u8>, room: Layout) {
    let bytes = room.size() / LARGE_PAGE * LARGE_PAGE;
    if room.align() == LARGE_PAGE && bytes > 0 {
        // SAFETY: these whole pages were allocated just now and are ours alone. It changes nothing of what they hold, and
        // if it fails they stay what they are.
        unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages(_: NonNull<u8>, _: Layout) {}

impl Default for Floats {
    fn default() -> Floats {
        Floats::new()
    }
}

impl Drop for Floats {
    fn drop(&mut self) {
        self.free();
    }
}

impl Deref for Floats {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: so many values are written at `start`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Floats {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl fmt::Debug for Floats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}

impl<T: AsRef<[f32]>> PartialEq<T> for Floats {
    fn eq(&self, other: &T) -> bool {
        self[..] == *other.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_there_however_often_it_moves() {
        let mut floats = Floats::new();
        assert!(floats.is_empty());
        for value in 0..700_000 {
            floats.push(value as f32);
        }
        assert!(floats.capacity() >= 700_000);
        assert!(
            floats
                .iter()
                .enumerate()
                .all(|(at, value)| *value == at as f32)
        );
    }

    #[test]
    fn room_is_as_large_as_asked_for() {
        for room in [1, 1_000, WORTH_ONE / 4, LARGE_PAGE / 4 + 1, 1_000_000] {
            let mut floats = Floats::new();
            floats.reserve_exact(room);
            assert_eq!((floats.capacity(), floats.len()), (room, 0));
            assert_eq!(floats.spare_capacity_mut().len(), room);
            floats.spare_capacity_mut()[room - 1].write(1.0);
        }
    }

    #[test]
    fn large_rooms_are_kept_up_to_a_bound_and_used_again() {
        let store = Store(Mutex::new(VecDeque::new()));
        let (large, small) = (layout(LARGE_PAGE / 4), layout(100));
        let rooms: Vec<_> = (0..18).map(|_| store.take(large)).collect();
        for &room in rooms.iter().rev() {
            // SAFETY: it was taken with this layout.
            unsafe { store.give_back(room, large) };
        }
        assert_eq!(lock(&store.0).len() * LARGE_PAGE, KEPT);
        let other = store.take(small);
        // SAFETY: as above.
        unsafe { store.give_back(other, small) };
        let again = [(); 16].map(|()| store.take(large));
        assert!(again.iter().all(|room| rooms[..16].contains(room)));
        assert!(lock(&store.0).is_empty());
        for room in again {
            // SAFETY: as above.
            unsafe { store.give_back(room, large) };
        }
    }

    #[test]
    fn rooms_of_another_size_take_the_place_of_the_oldest() {
        let store = Store(Mutex::new(VecDeque::new()));
        let [small, large] = [1, 9].map(|pages| layout(pages * LARGE_PAGE / 4));
        let rooms: Vec<_> = (0..16).map(|_| store.take(small)).collect();
        for room in rooms {
            // SAFETY: it was taken with this layout.
            unsafe { store.give_back(room, small) };
        }
        let room = store.take(large);
        // SAFETY: as above.
        unsafe { store.give_back(room, large) };
        let sizes: Vec<_> = (lock(&store.0).iter())
            .map(|spare| spare.room.size() / LARGE_PAGE)
            .collect();
        assert_eq!(sizes, [1, 1, 1, 1, 1, 1, 1, 9]);
    }

    #[test]
    fn no_more_than_half_a_large_page_is_wasted() {
        for bytes in [
            4,
            WORTH_ONE - 4,
            WORTH_ONE,
            LARGE_PAGE,
            LARGE_PAGE + 4,
            3 * WORTH_ONE,
        ] {
            let room = layout(bytes / 4);
            assert!((bytes..=bytes + WORTH_ONE).contains(&room.size()));
            assert_eq!(room.align() == LARGE_PAGE, bytes >= WORTH_ONE, "{bytes}");
        }
    }
}
