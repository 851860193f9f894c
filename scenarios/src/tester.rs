//! The client that carries out the steps.
