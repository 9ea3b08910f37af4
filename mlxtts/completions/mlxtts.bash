# Completion of every mlxtts command: options as its --help lists them, models, voices, files.

_mlxtts() {
    local command=$1 current=$2 previous=$3 help words value kind
    if [[ ${command##*/} == mlxtts ]]; then
        if ((COMP_CWORD == 1)); then
            mapfile -t COMPREPLY < <(compgen -W "$("$command" | cut -d ' ' -f 1)" -- "$current")
            return
        fi
        command+=-${COMP_WORDS[1]}
    fi
    help=$("$command" --help 2>/dev/null) || return
    [[ $previous == -* && $help =~ "$previous "(\{[^\}]*\}|[A-Z]) ]] && value=${BASH_REMATCH[1]}
    if [[ $previous == --voice || $command$previous == *-say-v ]]; then
        words=$("${command%-*}-tokens" --list-voices 2>/dev/null)
    elif [[ $value == \{* ]]; then
        words=${value//[\{,\}]/ }
    elif [[ $current == -* ]]; then
        words=$(grep -oE -- '(^| )--?[a-z][a-z-]*' <<<"$help")
    elif [[ $previous == --@(model|codec) || $command$value == *-@(fetch|models|quantize) ]]; then
        [[ $previous == --model || $command == *-quantize ]] && kind=model
        words=$("${command%-*}-models" 2>/dev/null | grep $'^[^\t]*\t'"$kind" | cut -f 1)
    else
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o bashdefault -o default -F _mlxtts mlxtts $(compgen -c mlxtts- | sort -u)
