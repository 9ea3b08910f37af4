# Completion of every mlxtts command: options as its --help lists them, models, voices, files.

_mlxtts() {
    local command=$1 current=$2 previous=$3 help words
    if [[ ${command##*/} == mlxtts ]]; then
        if ((COMP_CWORD == 1)); then
            mapfile -t COMPREPLY < <(compgen -W "$("$command" | cut -d ' ' -f 1)" -- "$current")
            return
        fi
        command+=-${COMP_WORDS[1]}
    fi
    help=$("$command" --help 2>/dev/null) || return
    if [[ $previous == --voice ]]; then
        words=$("$command" --list-voices 2>/dev/null)
    elif [[ $previous == --@(model|codec) || ($command == *-@(fetch|models|quantize) && $current != -*) ]]; then
        words=$("${command%-*}-models" 2>/dev/null | cut -f 1)
    elif [[ $previous == -* && $help =~ $previous\ \{([^}]*)\} ]]; then
        words=${BASH_REMATCH[1]//,/ }
    elif [[ $current == -* ]]; then
        words=$(grep -oE -- '(^| )--?[a-z][a-z-]*' <<<"$help")
    else
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o bashdefault -o default -F _mlxtts mlxtts $(compgen -c mlxtts- | sort -u)
