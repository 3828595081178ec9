//! Model families on candle, weights from a directory or the hub, and the built-in model.
