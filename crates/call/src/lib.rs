//! Call control as pure machines: legs and the switch over them
