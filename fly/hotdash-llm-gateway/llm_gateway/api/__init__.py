"""What clients talk to: routes, requests, replies, streams; one module per OpenAI resource."""
