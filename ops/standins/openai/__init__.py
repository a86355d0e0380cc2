"""Stand-in for OpenAI's API, as strict as its published description.

Run from the project root: ``python -m ops.standins.openai --port P --state DIR``. Keys it accepts come from
``OPENAI_STANDIN_KEY`` (several separated by commas).

Requests are checked against ``schemas/``, which `contract` makes from the request types of OpenAI's own SDK,
and against the limits that OpenAI documents in words (`rules`, `strict`, ``*_rules``). Answers are foretold
(`decide`): the text quotes the last user message; tools that it names are called, all at once where that is
allowed; ``please refuse`` in it is refused; where a JSON Schema was given, the answer satisfies it.

What it is told under ``/_control/``:

==========================  ==========================================================================
``GET counters``            calls, errors and tokens per model and path
``GET requests?limit=``     the last request bodies
``GET|POST|DELETE faults``  how to misbehave (`Fault`); POST adds one or a list, DELETE forgets all
``GET|POST|DELETE replies`` fixed answers (`Reply`), the newest that fits wins
``GET|POST|DELETE raws``    answers byte by byte (`Raw`), those of one marker in order
``POST files``              files that exist, and the tokens each is billed: ``{id: tokens}``
``POST reset``              forget all of the above
==========================  ==========================================================================

One request can bring its own fault in the header ``x-standin-fault``, as JSON. Responses, conversations and
files are kept in memory, until the stand-in ends.
"""
