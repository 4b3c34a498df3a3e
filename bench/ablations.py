"""What each term of a stylization is worth: its recipe trained without one at a time, side by side.

python bench/ablations.py [RECIPE] [--steps N] [--params FILE] [--folder FOLDER]

`sheet.png` in the folder shows the same photographs by all variants, `figures.json` what `evaluate` says of each. What
is finished is not done again.
"""

if __name__ == "__main__":
    # Processes that decode pictures import this file again when they start; what is trained is not for them to load.
    import typer
    from variants import main

    typer.run(main)
