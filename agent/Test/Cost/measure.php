<?php

/**
 * Measures what the agent costs each request of a real store. See the README's section "What it costs".
 *
 *     php measure.php patch ROOT FILE     meter the store's requests into FILE (a test store: it edits vendor/)
 *     php measure.php restore ROOT        undo it
 *     php measure.php report FILE         medians by kind of request
 *     php measure.php list                what the list of observed events costs, in a shop with 300 others
 */
declare(strict_types=1);

const METER = '\\MagentoEventBridge\\Agent\\Test\\Cost\\Meter::';

function replacements(string $file): array
{
    $meter = METER;
    $instance = "\$this->_inherited[\$type][\$code]['instance']";
    $plugin = "'call of ' . get_class(\$pluginInstance) . '::' . \$pluginMethod";
    $enter = "{$meter}enter({$meter}labelOf(get_class(\$pluginInstance), {$plugin}));";

    return [
        'vendor/magento/framework/Event/Manager.php' => [
            '$event = new \Magento\Framework\Event($data);' =>
                "{$meter}enter({$meter}labelOf(\$observerConfig['instance'], 'event ' . \$eventName)); $0",
            '\Magento\Framework\Profiler::stop(\'OBSERVER:\' . $observerConfig[\'name\']);' => "$0 {$meter}leave();",
        ],
        'vendor/magento/framework/Interception/PluginList/PluginList.php' => [
            '$this->_pluginInstances[$type][$code] = $this->_objectManager->get(' =>
                "{$meter}enter({$meter}labelOf({$instance}, 'new ' . {$instance})); $0",
            "['instance']\n            );" => "$0 {$meter}leave();",
        ],
        'vendor/magento/framework/Interception/Interceptor.php' => [
            '$beforeResult = $pluginInstance->$pluginMethod($this, ...array_values($arguments));' =>
                "{$enter} $0 {$meter}leave();",
            '$result = $pluginInstance->$pluginMethod($subject, $result, ...array_values($arguments));' =>
                "{$enter} $0 {$meter}leave();",
            '$result = $pluginInstance->$pluginMethod($subject, $next, ...array_values($arguments));' =>
                "\$metered = function (...\$a) use (&\$next) { {$meter}enter(null); try { return \$next(...\$a); }"
                . " finally { {$meter}leave(); } }; {$enter} try { \$result = \$pluginInstance->\$pluginMethod("
                . "\$subject, \$metered, ...array_values(\$arguments)); } finally { {$meter}leave(); }",
        ],
        'pub/index.php' => [
            '$bootstrap->run($app);' => $file === '' ? '$0' :
                '\MagentoEventBridge\Agent\Test\Cost\Meter::start(' . var_export($file, true) . '); $0',
        ],
        'app/bootstrap.php' => [
            "<?php\n" => '$0require_once ' . var_export(__DIR__ . '/Meter.php', true) . ";\n",
        ],
    ];
}

function patch(string $root, string $file): void
{
    foreach (replacements($file) as $place => $edits) {
        $code = file_get_contents("$root/$place");
        foreach ($edits as $before => $after) {
            if (strpos($code, $before) === false) {
                throw new RuntimeException("$place has no: $before");
            }
            $code = str_replace($before, str_replace('$0', $before, $after), $code);
        }
        // Not written in place: the file may be a hard link.
        rename("$root/$place", "$root/$place.unmetered");
        file_put_contents("$root/$place", $code);
    }
}

function restore(string $root): void
{
    foreach (array_keys(replacements('')) as $place) {
        if (is_file("$root/$place.unmetered")) {
            rename("$root/$place.unmetered", "$root/$place");
        }
    }
}

function median(array $values): float
{
    sort($values);

    return (float)$values[intdiv(count($values), 2)];
}

function report(string $file): void
{
    $requests = [];
    foreach (file($file) as $line) {
        $request = json_decode($line, true);
        $requests[$request['request']][] = $request;
    }
    foreach ($requests as $name => $measured) {
        $measured = array_slice($measured, 2);
        if ($measured) {
            $agent = median(array_column($measured, 'agent_us'));
            $all = median(array_column($measured, 'cpu_ms'));
            printf("%-70s %4d requests  %6.1f us of %7.1f ms\n", $name, count($measured), $agent, $all);
        }
    }
}

function observed(): void
{
    $others = $ours = [];
    for ($i = 0; $i < 300; $i++) {
        $others["an_event_of_the_shop_$i"] = ['name' => ['name' => 'name', 'instance' => 'A\Shops\Observer\Number' . $i]];
    }
    foreach (simplexml_load_file(dirname(__DIR__, 2) . '/etc/events.xml')->event as $event) {
        $name = (string)$event->observer['name'];
        $ours[(string)$event['name']] = [$name => ['name' => $name, 'instance' => (string)$event->observer['instance']]];
    }
    $times = [];
    for ($i = 0; $i < 1000; $i++) {
        foreach (['without' => $others, 'with' => $others + $ours] as $which => $list) {
            $json = json_encode($list);
            $start = hrtime(true);
            json_decode($json, true);
            $times[$which][] = (hrtime(true) - $start) / 1000;
        }
    }
    printf("%d events: %.1f us\n", count($ours), median($times['with']) - median($times['without']));
}

$commands = ['patch' => 'patch', 'restore' => 'restore', 'report' => 'report', 'list' => 'observed'];
$commands[$argv[1]](...array_slice($argv, 2));
