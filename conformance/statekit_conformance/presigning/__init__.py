"""Cases about presigned requests: they are really sent, over HTTP, without credentials."""
