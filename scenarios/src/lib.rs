//! Reads scenarios; plays the tester's part in them.
