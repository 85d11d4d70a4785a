<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

/**
 * Reads the agent's own etc/*.xml.
 */
class Wiring
{
    public static function xml(string $file): \SimpleXMLElement
    {
        return simplexml_load_file(dirname(__DIR__, 2) . '/etc/' . $file);
    }

    /**
     * Returns the settings that switch each event on.
     *
     * @return string[][]
     */
    public static function toggles(): array
    {
        $toggles = [];
        foreach (self::xml('di.xml')->xpath('//argument[@name="paths"]/item') as $item) {
            foreach ($item->item as $path) {
                $toggles[(string)$item['name']][] = (string)$path;
            }
        }

        return $toggles;
    }

    /**
     * Returns the events that never go through the message queue.
     *
     * @return string[]
     */
    public static function neverQueued(): array
    {
        return array_map('strval', self::xml('di.xml')->xpath('//argument[@name="neverQueued"]/item'));
    }

    /**
     * Returns the events that each event collects data for.
     *
     * @return string[][]
     */
    public static function prepares(): array
    {
        $prepares = [];
        foreach (self::xml('di.xml')->xpath('//argument[@name="prepares"]/item') as $item) {
            $prepares[(string)$item['name']] = array_map('strval', $item->xpath('item'));
        }

        return $prepares;
    }

    /**
     * Returns the watcher of each event.
     *
     * @return string[]
     */
    public static function watchers(): array
    {
        $watchers = [];
        foreach (self::xml('di.xml')->xpath('//type[@name="MagentoEventBridge\Agent\Watcher\Watchers"]//argument[@name="names"]/item') as $item) {
            $watchers[(string)$item['name']] = (string)$item;
        }

        return $watchers;
    }

    /**
     * Returns the names of the observed events, in all areas.
     *
     * @return string[]
     */
    public static function events(): array
    {
        $names = [];
        foreach (['events.xml', 'adminhtml/events.xml', 'frontend/events.xml'] as $file) {
            $names = array_merge($names, array_map('strval', self::xml($file)->xpath('//event/@name')));
        }

        return $names;
    }
}
