# Completion of every mlxtts command: options as its --help lists them, models, voices, files.

function __mlxtts_complete
    set -l words (commandline -opc)
    if test (basename $words[1]) = mlxtts
        if test (count $words) = 1
            $words[1] | string split -f 1 ' '
            return
        end
        set words $words[1]-$words[2] $words[3..]
    end
    if test "$words[-1]" = --voice
        $words[1] --list-voices
    else if string match -q -- '-*' (commandline -ct)
        $words[1] --help | string match -rag -- '(?:^| )(--?[a-z][a-z-]*)'
    else if contains -- $words[-1] --model --codec; or string match -rq -- '-(fetch|models|quantize)$' $words[1]
        string replace -r -- '-[a-z]*$' -models $words[1] | read -l models
        $models | string split -f 1 \t
    end
end

for command in mlxtts (complete -C mlxtts- | string split -f 1 \t)
    complete -c $command -a '(__mlxtts_complete)'
end
