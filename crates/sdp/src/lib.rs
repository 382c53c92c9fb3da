//! SDP text and the offer/answer model as pure functions
