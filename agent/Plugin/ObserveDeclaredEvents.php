<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\Event\Config\Reader;
use MagentoEventBridge\Agent\Declared\Declarations;
use MagentoEventBridge\Agent\Observer\CaptureDeclaredEvent;

/**
 * Adds an observer to each declared Magento event when Magento reads its events' configuration.
 *
 * Magento caches the result, so that nothing is added to the dispatch of any other event.
 */
class ObserveDeclaredEvents
{
    private const OBSERVER = 'eventbridge_declared';

    /**
     * @var Declarations
     */
    private $declarations;

    /**
     * @param Declarations $declarations
     */
    public function __construct(Declarations $declarations)
    {
        $this->declarations = $declarations;
    }

    /**
     * Adds the observers to the global scope.
     *
     * @param Reader $subject
     * @param array $observers
     * @param string|null $scope
     * @return array
     */
    public function afterRead(Reader $subject, array $observers, $scope = null): array
    {
        if ($scope !== 'global') {
            return $observers;
        }
        foreach ($this->declarations->magentoEvents() as $event) {
            $observers[$event][self::OBSERVER] = [
                'name' => self::OBSERVER,
                'instance' => CaptureDeclaredEvent::class,
            ];
        }

        return $observers;
    }
}
