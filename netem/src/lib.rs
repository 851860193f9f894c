//! Holds, loses, reorders, repeats, damages and slows frames in one direction of a link.
