//! An ICOM between a small car and a small tester, over real TCP in virtual time.
