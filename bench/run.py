"""How fast the parts are that are meant to be fast, each beside a plain baseline.

python bench/run.py [--params FILE]

Needs the models of the recipes (`make repro`). Prints a table in Markdown and writes `results.json` beside this file.
Milliseconds belong to one machine and one hour; the ratios are what lasts.
"""

if __name__ == "__main__":
    # Processes that decode pictures import this file again when they start; what is measured is not for them to load.
    import typer
    from command import main

    typer.run(main)
