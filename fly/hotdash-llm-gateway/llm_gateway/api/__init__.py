"""The HTTP API for clients: routes, requests, replies, streams; one module per OpenAI resource."""
