//! Controls: typical mistakes, which memcheck must report.

use std::hint::black_box;

use crate::secret::{Seen, hide, public_bytes, secret_bytes, show};
use crate::{Expected, Operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    leaks("control: a comparison that stops at the first difference", |seen| {
        let mut tag: [u8; 16] = public_bytes();
        let given = black_box(tag);
        hide(&mut tag);
        seen.watch(|| (0..16).position(|at| black_box(tag[at]) != given[at]));
    }),
    leaks("control: a table lookup with a secret index", |seen| {
        let table: [u8; 256] = public_bytes();
        let [place]: [u8; 1] = secret_bytes();
        let mut found = seen.watch(|| table[usize::from(place)]);
        show(&mut found);
    }),
    leaks("control: a branch on one bit of a key", |seen| {
        let key: [u8; 32] = secret_bytes();
        seen.watch(|| if black_box(key[7]) & 1 == 1 { black_box(public_bytes()) } else { [0; 4] });
    }),
];

const fn leaks(name: &'static str, run: fn(&mut Seen)) -> Operation {
    Operation { name, expected: Expected::Leak, run }
}
