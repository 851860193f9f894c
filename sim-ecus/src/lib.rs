//! Answers UDS requests as a control unit would.
