<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;
use Magento\Framework\ObjectManagerInterface;
use MagentoEventBridge\Agent\Watcher\Watchers;

/**
 * Observes all events of etc/events.xml, and passes on calls of plugins, while an event is switched on.
 *
 * It creates the part of the agent that handles the call. Plugins depend on this class alone, and it is the observer
 * itself: with everything off, nothing else of the agent is loaded. A failure, also one of creating the part, is logged,
 * and the shop goes on.
 */
class Gate implements ObserverInterface
{
    /**
     * The settings that switch events on in any store view: see Plugin\ListSwitchedOnEvents.
     */
    public const SWITCHED_ON = 'aws_eventbridge/agent/switched_on';

    private const CLOSED_SECONDS = 1.0;

    /**
     * @var ObjectManagerInterface
     */
    private $objects;

    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var float
     */
    private $closedUntil = 0.0;

    /**
     * @param ObjectManagerInterface $objects
     * @param ScopeConfigInterface $config
     */
    public function __construct(ObjectManagerInterface $objects, ScopeConfigInterface $config)
    {
        $this->objects = $objects;
        $this->config = $config;
    }

    /**
     * @inheritdoc
     */
    public function execute(Observer $observer)
    {
        $name = 'an event';
        try {
            if ($this->isOpen()) {
                $event = $observer->getEvent();
                $name = (string)$event->getName();
                $watcher = $this->objects->get(Watchers::class)->of($name);
                if ($watcher !== null) {
                    $watcher->on($name, $event);
                }
            }
        } catch (\Throwable $failure) {
            $this->log($name, $failure);
        }
    }

    /**
     * Calls a function with a part of the agent, unless all events are switched off.
     *
     * @param string $what named in the log
     * @param string $part its class or virtual type
     * @param callable $do takes the part
     * @return void
     */
    public function run(string $what, string $part, callable $do): void
    {
        try {
            if ($this->isOpen()) {
                $do($this->objects->get($part));
            }
        } catch (\Throwable $failure) {
            $this->log($what, $failure);
        }
    }

    /**
     * Returns whether an event may be on. That none is on is remembered for a second.
     */
    private function isOpen(): bool
    {
        $now = microtime(true);
        if ($now < $this->closedUntil) {
            return false;
        }
        // Null, if the list is missing: then the parts look at the settings themselves.
        if ($this->config->getValue(self::SWITCHED_ON) !== '') {
            return true;
        }
        $this->closedUntil = $now + self::CLOSED_SECONDS;

        return false;
    }

    private function log(string $what, \Throwable $failure): void
    {
        try {
            $this->objects->get(Fence::class)->log($what, $failure);
        } catch (\Throwable $exception) {
            // Without a log, the shop goes on, too.
            return;
        }
    }
}
