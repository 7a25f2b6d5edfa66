//! The C border: pointers to values and back. It holds no decisions.
