<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Config\App\Config\Type\System\Reader;
use MagentoEventBridge\Agent\Gate;

/**
 * Adds the list of switched-on events to the configuration when Magento reads it, before it caches it.
 *
 * Magento caches each store view apart. Without this list, the question whether any store view wants an event would
 * load all of them.
 */
class ListSwitchedOnEvents
{
    private const EVENTS = 'events_';

    /**
     * Adds the settings that are on in any scope, joined by commas.
     *
     * @param Reader $subject
     * @param mixed $config by scope
     * @return mixed
     */
    public function afterRead(Reader $subject, $config)
    {
        if (!is_array($config)) {
            return $config;
        }
        list($section, $group, $field) = explode('/', Gate::SWITCHED_ON);
        $scopes = array_merge([$config['default'] ?? []], array_values((array)($config['stores'] ?? [])));
        $switchedOn = [];
        foreach ($scopes as $scope) {
            foreach ((array)($scope[$section] ?? []) as $name => $fields) {
                if (strpos((string)$name, self::EVENTS) !== 0) {
                    continue;
                }
                foreach ((array)$fields as $event => $value) {
                    if ($value && strtolower((string)$value) !== 'false') {
                        $switchedOn[$section . '/' . $name . '/' . $event] = true;
                    }
                }
            }
        }
        $config['default'][$section][$group][$field] = implode(',', array_keys($switchedOn));

        return $config;
    }
}
