"""The loop that runs the cells of a notebook, as source text.

The runner executes this text in a namespace of its own, so no frame below a student's code leads to the
grader's objects.
"""

# A cell runs as plain Python; IPython translates its magics. Only a cell with a top-level await is run by
# IPython itself, which is ten times slower. If the sandbox refuses something, or this machine lacks it, that
# ends the statement but not its cell.
# errors has a tuple for each statement that stopped: the cell's source and number, the statement's number
# (from 0; -1 for the whole cell), the line's number in the cell (or 0), the error's name and message, and
# whether the cell continued.
CELLS = """
LACKING = (OSError, ImportError, EOFError)
WORDS = ("is not available to graded code", "CUDA", "NVIDIA")
PLAIN = ("%%time", "%%capture", "%%prun")
lost = set()
now = [0]

def cells():
    number = 0
    while True:
        begin.acquire()
        now[0] = number
        number = number + 1
        try:
            run(now[0], text[0])
        except BaseException as error:
            note(now[0], -1, 0, error, False)
        finished.release()

def note(number, at, line, error, goes_on):
    try:
        words = str(error)
    except BaseException:
        words = ""
    errors.append((text[0], number, at, line, type(error).__name__, words[:300], goes_on))

def swallowed(*arguments, **named):
    error = sys.exc_info()[1]
    if error is not None:
        note(now[0], -1, 0, error, False)

def run(number, source):
    name = f"<cell {number}>"
    if source.startswith(PLAIN):
        source = "#" + source
    try:
        body = ast.parse(source, name).body
        code = compile(source, name, "exec")
    except SyntaxError:
        source = shell.transform_cell(source)
        try:
            body = ast.parse(source, name).body
            code = compile(source, name, "exec")
        except SyntaxError:
            result = shell.run_cell(source, store_history=False, silent=True)
            error = result.error_before_exec or result.error_in_exec
            if error is not None:
                note(number, -1, 0, error, False)
            return
    cache[name] = len(source), None, source.splitlines(True), name
    done = 0
    while True:
        try:
            exec(code, shell.user_ns)
            return
        except BaseException as error:
            line = line_of(error, name)
            at = len(body)
            while at > done and body[at - 1].lineno > line:
                at = at - 1
            at = at - 1
            goes_on = at >= done and is_lacking(error)
            note(number, at if at >= done else -1, line, error, goes_on)
            if not goes_on:
                return
            for node in ast.walk(body[at]):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    lost.add(node.id)
                elif isinstance(node, ast.alias):
                    lost.add(node.asname or node.name.partition(".")[0])
        done = at + 1
        code = compile(ast.Module(body[done:], []), name, "exec")

def line_of(error, name):
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name and trace.tb_frame.f_code.co_name == "<module>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line

def is_lacking(error):
    if isinstance(error, NameError) and error.name in lost:
        return True
    return isinstance(error, LACKING) or any(words in str(error) for words in WORDS)
"""
