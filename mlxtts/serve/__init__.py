"""Servers: one model, many listeners.

    protocol   messages, sans-I/O                     plan      a start, in terms of the model
    runner     the thread that owns the model         session   one stream: text in, sound out
    ws         one connection                         speech    what all of them share
    access     token and origin                       metrics   what is counted
    app        routes, health, metrics                server    listening, signals, the end
    transport  uvicorn's protocols, with limits       pages     the browser's client, page/
    broadcast  a ring of frames, places in it         station   a pipe served to many
    client     the other end, for mlxtts-recv        options    which go with what is served

What is served is a part (`app.Part`): it has routes, a health, a registry of what it counts, and
ways to start, drain and stop. `speech.Speech` is the one of a model, `station.Station` that of a
pipe. To add a route to a server, whatever its part, hand it to `app.build`:

    app.build(part, guard, [Route("/", page)])                               # for everyone
    app.build(part, guard, [Route("/list", list, middleware=guard.middleware())])  # with the token

HTTP and WebSocket routes of the same path do not get in each other's way. A listener whose
transport is to be broken off without a word: `transport.abort(ws)`.
"""
