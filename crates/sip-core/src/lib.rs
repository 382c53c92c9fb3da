//! SIP messages, transactions, dialogs and usages, without I/O
