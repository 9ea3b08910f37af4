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
    set -l command $words[1]
    set -l previous $words[-1]
    set -l help ($command --help | string collect)
    set -l value '' # that the option before takes
    if string match -q -- '-*' $previous
        set value (string match -rg -- "$previous (\{[^}]*\}|[A-Z])" $help)[1]
    end
    set -l beside (string replace -r -- '-[a-z]*$' '' $command)
    if test "$previous" = --voice; or string match -q -- '*-say-v' $command$previous
        $beside-tokens --list-voices
    else if string match -q -- '{*' "$value"
        string trim -c '{}' $value | string split ,
    else if string match -q -- '-*' (commandline -ct)
        string match -rag -- '(?:^| )(--?[a-z][a-z-]*)' $help
    else if test "$previous" = --model; or string match -q -- '*-quantize' "$command$value"
        $beside-models | string match -rg -- '^([^\t]*)\tmodel\t'
    else if test "$previous" = --codec; or string match -rq -- '-(fetch|models)$' "$command$value"
        $beside-models | string split -f 1 \t
    end
end

for command in mlxtts (complete -C mlxtts- | string split -f 1 \t)
    complete -c $command -a '(__mlxtts_complete)'
end
