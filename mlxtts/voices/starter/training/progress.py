"""What a long step has made so far, kept in a file, so that it can be interrupted.

Knows nothing of what is made: lists of things that come in order, each under a name, and the
settings they were made with. The file is a row of pickles, appended one by one; it is this
program's own, and is read by nothing else.
"""

import pickle


class Progress:
    """Lists {name: things} that are kept in the file ``path`` (a Path).

    With ``resume`` it begins with those in the file, if they were made with the same ``settings``;
    otherwise with none.
    """

    def __init__(self, path, settings, resume):
        self.path, self.lists = path, {}
        if not (resume and path.exists() and self._read(settings)):
            path.write_bytes(pickle.dumps(settings))

    def _read(self, settings):
        """Whether the settings are the same; if so, what is whole in the file is taken in."""
        with self.path.open("r+b") as file:
            whole = 0
            try:
                if pickle.load(file) != settings:
                    return False
                while whole := file.tell():
                    name, thing = pickle.load(file)
                    self.lists.setdefault(name, []).append(thing)
            except (EOFError, pickle.UnpicklingError):
                file.truncate(whole)
        return whole > 0

    def go_on(self, name, make):
        """The whole list ``name``: what is kept, and what ``make(how many are kept)`` gives."""
        things = self.lists.setdefault(name, [])
        with self.path.open("ab") as file:
            for thing in make(len(things)):
                pickle.dump((name, thing), file)
                file.flush()
                things.append(thing)
        return things
