//! Engine tests over the real embedded store with a manual clock.
