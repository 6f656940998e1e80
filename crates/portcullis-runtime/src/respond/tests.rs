//! Events answered over a world in memory.
