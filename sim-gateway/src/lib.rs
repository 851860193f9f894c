//! Speaks HSFZ and DoIP on the vehicle's port for the control units behind it.
