//! A tiny generator of pseudo-random numbers, ours so that the same seed gives the same file for good.

/// Xorshift64* (Vigna 2016), seeded through splitmix64 so that neighbouring numbers start far apart.
pub(crate) struct Rng(u64);

impl Rng {
    /// One independent stream for each (seed, stream).
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(splitmix(splitmix(seed).wrapping_add(stream)) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`; 0 if there is none. The bias of the remainder is nothing at these sizes.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16).checked_rem(bound).unwrap_or_default()
    }

    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True `n` times of a hundred.
    pub(crate) fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        let at = self.below(list.len() as u64);
        usize::try_from(at).ok().and_then(|at| list.get(at)).copied().unwrap_or_default()
    }
}

/// A number that looks random, from one that does not.
pub(crate) fn splitmix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
